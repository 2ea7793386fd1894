import type { Registry } from '../registry/database.ts'
import { createLru, type Lru } from '../identity/lru.ts'
import type { ImageReads } from './reads.ts'

/** How many records, and how many pages of lists, are remembered. */
const MOST_RECORDS = 2_000
const MOST_PAGES = 200
/** Characters of what is remembered at all: few are as large, and each would be worth hundreds of others. */
const LARGEST_RECORD = 32 << 10
const LARGEST_PAGE = 256 << 10

/**
 * Reads that remember what they have found until anything in the registry changes, whoever has changed it: what is
 * told is never older than the last commit before the request. What was found must not be changed by who gets it.
 */
export function rememberReads(reads: ImageReads, { $client }: Registry): ImageReads {
  const { changes } = $client
  // Asking a server for changes takes as long as asking it for the image.
  if (!changes) return reads
  const remember = createMemory(changes)
  const find = remember(reads.find, MOST_RECORDS, LARGEST_RECORD)
  const list = remember(reads.list, MOST_PAGES, LARGEST_PAGE)
  return {
    ...reads,
    find: (id, viewer) => find(JSON.stringify([viewer.projectId, id]), id, viewer),
    list: (query, viewer, marker) =>
      list(
        JSON.stringify([query, viewer.isAdmin, viewer.projectId, marker]),
        query,
        viewer,
        marker,
      ),
  }
}

function createMemory(changes: () => number) {
  return function remember<Arguments extends unknown[], Value>(
    read: (...args: Arguments) => Promise<Value>,
    most: number,
    largest: number,
  ) {
    let known: Lru<Value> = createLru(most)
    let asOf = changes()
    return async (key: string, ...args: Arguments): Promise<Value> => {
      const now = changes()
      if (now !== asOf) {
        known = createLru(most)
        asOf = now
      }
      const remembered = known.get(key)
      if (remembered !== undefined) return remembered
      const found = await read(...args)
      // Meanwhile it may have changed.
      if (changes() === now && asOf === now && JSON.stringify(found).length <= largest)
        known.set(key, found)
      return found
    }
  }
}
