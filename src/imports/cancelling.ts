import { IMPORT_METHODS } from '../../schema/import-methods.ts'
import type { ImportFailure } from './ending.ts'
import { parseImport } from './request.ts'
import type { Task } from './task.ts'

/** What becomes of an import that an operator ends: as if it had failed in all of its stores. */
export function cancelled({ input }: Pick<Task, 'input'>): ImportFailure {
  const backend = input?.['backend']
  const ids: unknown[] = Array.isArray(backend) ? backend : []
  const stores = ids.filter((id) => typeof id === 'string')
  return {
    message: 'The import was cancelled by an operator',
    progress: { pending: [], failed: stores },
    undone: isUndone(input) ? stores : [],
  }
}

/** Whether the copies that an import has made go with it: those of an image that was active before, where all must be. */
function isUndone(input: Task['input']): boolean {
  const request = input?.['import_req']
  if (request === undefined) return false
  const { name, allStoresMustSucceed } = parseImport(request, IMPORT_METHODS)
  return name === 'copy-image' && allStoresMustSucceed
}
