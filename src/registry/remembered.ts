import { createLru, type Lru } from '../lru.ts'
import type { Registry } from './database.ts'

/** How much of one kind of reads is remembered. */
export interface Memory<Arguments extends unknown[]> {
  /** Reads that differ have different ones. */
  keyOf(...args: Arguments): string
  most: number
  /** Characters of one, as JSON: what is larger would be worth hundreds of others. */
  largest: number
}

/** Makes a read remember what it has found. What it returns must not be changed by who gets it. */
export type Remember = <Arguments extends unknown[], Value>(
  read: (...args: Arguments) => Promise<Value>,
  memory: Memory<Arguments>,
) => (...args: Arguments) => Promise<Value>

/**
 * Reads that remember what they have found until anything in the registry changes, whoever changes it: what they tell
 * is never older than the last commit before they were asked.
 */
export function rememberReads({ $client: { changes } }: Registry): Remember {
  // Asking a server for changes takes as long as asking it for what is wanted.
  if (!changes) return (read) => read
  const { count } = changes
  return <Arguments extends unknown[], Value>(
    read: (...args: Arguments) => Promise<Value>,
    { keyOf, most, largest }: Memory<Arguments>,
  ) => {
    let known: Lru<Value> = createLru(most)
    let running = new Map<string, Promise<Value>>()
    let asOf = count()

    async function readAndKeep(key: string, args: Arguments): Promise<Value> {
      const begun = asOf
      const found = await read(...args)
      // Meanwhile it may have changed.
      const isNew = asOf === begun && count() === begun
      if (isNew && JSON.stringify(found).length <= largest) known.set(key, found)
      return found
    }

    function readOnce(key: string, args: Arguments): Promise<Value> {
      const reads = running
      const reading = readAndKeep(key, args).finally(() => reads.delete(key))
      reads.set(key, reading)
      return reading
    }

    return async (...args: Arguments): Promise<Value> => {
      const now = count()
      if (now !== asOf) {
        known = createLru(most)
        running = new Map()
        asOf = now
      }
      const key = keyOf(...args)
      // What is being read was begun after the last commit as well.
      return known.get(key) ?? running.get(key) ?? readOnce(key, args)
    }
  }
}
