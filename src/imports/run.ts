import { IMPORT_METHODS } from '../../schema/import-methods.ts'
import { HeliostatError } from '../errors.ts'
import type { Store, Stores } from '../stores/store.ts'
import type { OwnImport } from './ending.ts'
import type { ByteProgress } from './progress.ts'
import { type ImportRequest, parseImport } from './request.ts'
import type { ClaimedTask } from './rows.ts'
import type { Task } from './task.ts'

/** An import that this process does. */
export interface Run extends OwnImport {
  /** Of whoever has asked for it; null where that was another process. */
  token: string | null
  /** Ends it, for whatever reason comes first. */
  end: AbortController
  bytes: ByteProgress
}

export function createRun(own: OwnImport, token: string | null): Run {
  return { ...own, token, end: new AbortController(), bytes: { done: 0, total: null } }
}

/** The reason of an end after which another process goes on. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

/** The reason of an end after which there is nothing to be done: others have ended the import. */
export class Lost extends Error {
  override readonly name = 'Lost'
}

/** What is to be done. */
export interface Plan {
  request: ImportRequest
  /** The ids of the stores that are to have the image in the end. */
  stores: readonly string[]
  /** The project whose limits count. */
  owner: string | null
}

/** What a task asks for, as it was written; the oldest kind downloads into an image that was made for it. */
export function requestOf(input: Task['input']): ImportRequest {
  const legacy = { method: { name: 'web-download', uri: input?.['import_from'] } }
  return parseImport(input?.['import_req'] ?? legacy, IMPORT_METHODS)
}

/** The stores of a task, where they have names. */
export function namedStoresOf(input: Task['input']): string[] {
  const backend = input?.['backend']
  const ids: unknown[] = Array.isArray(backend) ? backend : []
  return ids.filter((id) => typeof id === 'string')
}

/**
 * Of which stores the copies go with a failed import: those of an image that was active before, where all must have it.
 */
export function undoneOf(
  { name, allStoresMustSucceed }: ImportRequest,
  stores: readonly string[],
): readonly string[] {
  return name === 'copy-image' && allStoresMustSucceed ? stores : []
}

/** Reads what is to be done of a task. */
export function planOf({ input, owner }: ClaimedTask, stores: Stores): Plan {
  const request = requestOf(input)
  const named = namedStoresOf(input)
  const targets = named.length > 0 ? named : [stores.byDefault.id]
  const unknown = targets.find((id) => stores.find(id) === null)
  if (unknown === undefined) return { request, stores: targets, owner }
  throw new HeliostatError(
    'conflict',
    `Store "${unknown}", which the image was to be imported to, is not configured any more`,
  )
}

/** How far the stores of an import are. */
export interface State {
  pending: Set<string>
  failed: Set<string>
}

export function storeOf(stores: Stores, id: string): Store {
  const store = stores.find(id)
  if (store) return store
  throw new Error(`Store "${id}" is not there`)
}

export function deleted({ imageId }: Run): HeliostatError {
  return new HeliostatError('gone', `Image ${imageId} was deleted while it was imported`)
}

export function noStore(failed: readonly string[]): HeliostatError {
  return new HeliostatError(
    'unavailable',
    `The image could be written to none of: ${failed.join(', ')}`,
  )
}
