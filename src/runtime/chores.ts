import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../reason.ts'

/** So many failures of one chore in a row are more than bad luck: the operator is told by `/readyz`. */
const LASTING = 3

const log = getLogger(['heliostat', 'upkeep'])

/** What is done now and then, each chore for itself: one that fails takes no turn from the others. */
export interface Chores {
  /** Never rejects. A chore that goes on failing is told in the log once, and when it works again. */
  run(name: string, work: () => Promise<unknown>): Promise<void>
  /** The names of those that have failed three times running. */
  failing(): string[]
  /** How many failures there were since the start. */
  failures(): number
}

export function createChores(): Chores {
  /** How often each has failed since it last worked. */
  const failed = new Map<string, number>()
  let failures = 0

  return {
    async run(name, work) {
      try {
        await work()
        if (failed.delete(name)) log.info('Upkeep works again: {chore}', { chore: name })
      } catch (error) {
        failures++
        const times = (failed.get(name) ?? 0) + 1
        failed.set(name, times)
        if (times > 1) return
        log.error('Upkeep failed, and is tried again: {chore}: {reason}', {
          chore: name,
          reason: reasonOf(error),
        })
      }
    },

    failing: () => [...failed].flatMap(([name, times]) => (times < LASTING ? [] : [name])),
    failures: () => failures,
  }
}
