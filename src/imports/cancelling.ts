import type { ImportFailure } from './ending.ts'
import { namedStoresOf, requestOf, undoneOf } from './run.ts'
import type { Task } from './task.ts'

/** What becomes of an import that an operator ends: as if it had failed in all of its stores. */
export function cancelled({ input }: Pick<Task, 'input'>): ImportFailure {
  const stores = namedStoresOf(input)
  return {
    message: 'The import was cancelled by an operator',
    progress: { pending: [], failed: stores },
    undone: undoneOf(requestOf(input), stores),
  }
}
