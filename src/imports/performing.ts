import { HeliostatError } from '../errors.ts'
import type { FoundImage } from '../images/image.ts'
import type { ProjectLimits } from '../images/project-limits.ts'
import type { ImageReads } from '../images/reads.ts'
import type { Uploader } from '../images/upload/uploader.ts'
import type { Copier } from '../stores/copying.ts'
import type { Store, Stores } from '../stores/store.ts'
import type { StoreProgress } from './lock.ts'
import { watched } from './progress.ts'
import {
  type GlanceDownload,
  parseGlanceDownload,
  parseWebDownload,
  type WebDownload,
} from './request.ts'
import type { ImportRows } from './rows.ts'
import { Lost, type Plan, type Run } from './run.ts'
import { requireSigned, type SignedParts } from './signed.ts'
import type { Source } from './source.ts'

/** Where bytes of imports come from. */
export interface ImportSources {
  openWeb(wanted: WebDownload, signal: AbortSignal): Promise<Source>
  /** Null where callers have no tokens of Keystone. */
  openGlance:
    | ((wanted: GlanceDownload, options: { token: string; signal: AbortSignal }) => Promise<Source>)
    | null
}

export interface PerformingParts extends SignedParts {
  rows: Pick<ImportRows, 'note' | 'activate' | 'hasStaged' | 'stagedBlob'>
  images: Pick<ImageReads, 'find'>
  limits: Pick<ProjectLimits, 'refuseMore'>
  uploader: Pick<Uploader, 'upload'>
  copier: Pick<Copier, 'copy'>
  stores: Stores
  sources: ImportSources
}

/** How far the stores of an import are. */
interface State {
  pending: Set<string>
  failed: Set<string>
}

const EVERYBODY = { isAdmin: true, projectId: null }

/** What a source brings with it beside its bytes. */
type Extras = Pick<Source, 'record' | 'properties'>
const NOTHING: Extras = { record: {}, properties: {} }

/** Does all of an import but its end. What was done before by a process that has died is not done again. */
export async function perform(parts: PerformingParts, run: Run, plan: Plan): Promise<void> {
  const { request, stores, owner } = plan
  const image = await parts.images.find(run.imageId, EVERYBODY)
  if (!image) throw deleted(run)
  if (request.name !== 'glance-direct') {
    await parts.limits.refuseMore('image_stage_total', owner, 0)
  }
  const state = { pending: new Set(stores), failed: new Set<string>() }
  if (image.status === 'importing') await makeActive(parts, run, { plan, state, image })
  else await copyRest(parts, run, { plan, state, size: image.size })
  if (state.failed.size === stores.length) throw noStore(stores)
}

interface Work {
  plan: Plan
  state: State
}

/** Makes the image active: once it lies in all of its stores, or in the first one where others may fail. */
async function makeActive(
  parts: PerformingParts,
  run: Run,
  { plan, state, image }: Work & { image: FoundImage },
): Promise<void> {
  const { allStoresMustSucceed } = plan.request
  const extras = await obtain(parts, run, { plan, state, image })
  const size = (await parts.images.find(run.imageId, EVERYBODY))?.size ?? null
  const done: string[] = []
  for (const id of [...state.pending]) {
    if (await copyTo(parts, run, { id, plan, state, size })) done.push(id)
    if (done.length > 0 && !allStoresMustSucceed) break
  }
  if (done.length === 0) throw noStore([...state.failed])
  const progress = shown(parts.stores, state)
  if (!(await parts.rows.activate(run, { stores: done, progress, ...extras }))) {
    throw (await parts.images.find(run.imageId, EVERYBODY)) ? new Lost() : deleted(run)
  }
  await copyRest(parts, run, { plan, state, size })
}

async function copyRest(
  parts: PerformingParts,
  run: Run,
  { size, ...work }: Work & { size: number | null },
): Promise<void> {
  for (const id of [...work.state.pending]) await copyTo(parts, run, { id, size, ...work })
}

/** Whether the store has the image now. Throws where it must. */
async function copyTo(
  { copier, stores, rows }: PerformingParts,
  run: Run,
  { id, plan, state, size }: Work & { id: string; size: number | null },
): Promise<boolean> {
  const { signal } = run.end
  run.bytes = { done: 0, total: size }
  let isThere = false
  try {
    const copied = await copier.copy(run.imageId, storeOf(stores, id), {
      signal,
      progress: (done) => (run.bytes.done = done),
    })
    if (copied === 'gone') throw deleted(run)
    isThere = true
  } catch (error) {
    if (signal.aborted || plan.request.allStoresMustSucceed) throw error
    state.failed.add(id)
  }
  state.pending.delete(id)
  if (stores.areNamed) await rows.note(run, shown(stores, state))
  return isThere
}

/** Has the bytes wait in a store, where they don't yet. */
async function obtain(
  parts: PerformingParts,
  run: Run,
  { plan, state, image }: Work & { image: FoundImage },
): Promise<Extras> {
  const isDirect = plan.request.name === 'glance-direct'
  if (await parts.rows.hasStaged(run.imageId)) {
    // All others are verified while they come in.
    if (isDirect) await requireSigned(parts, run, image)
    return NOTHING
  }
  if (isDirect) {
    throw new HeliostatError(
      'conflict',
      `The bytes of image ${run.imageId} are not staged any more`,
    )
  }
  for (const id of [...state.pending]) {
    const source = await open(parts.sources, run, plan)
    const store = storeOf(parts.stores, id)
    const failure = await takeIn(parts, run, { source, store, image, owner: plan.owner })
    if (!failure) return source
    const mayGoOn = failure.isOfStore && !plan.request.allStoresMustSucceed
    if (state.pending.size === 1 || !mayGoOn || run.end.signal.aborted) throw failure.error
    state.failed.add(id)
    state.pending.delete(id)
  }
  throw noStore([...state.failed])
}

interface Intake {
  source: Source
  store: Store
  image: FoundImage
  owner: string | null
}

interface IntakeFailure {
  error: unknown
  /** Whether another store may take what this one did not. */
  isOfStore: boolean
}

/** Null where all is well. */
async function takeIn(
  { uploader }: PerformingParts,
  run: Run,
  { source, store, image, owner }: Intake,
): Promise<IntakeFailure | null> {
  run.bytes = { done: 0, total: source.size }
  const failures: unknown[] = []
  const body = watched(source.body, {
    signal: run.end.signal,
    count: (bytes) => (run.bytes.done += bytes),
    broken: (error) => failures.push(error),
  })
  try {
    const properties = { ...image.properties, ...source.properties }
    await uploader.upload({ ...image, ...source.record, properties }, () => body, {
      intake: 'import',
      expectedSize: source.size,
      projectId: owner,
      token: run.token,
      store,
    })
    return null
  } catch (error) {
    await body.cancel(error).catch(() => undefined)
    // What the source said is more than that it has broken off.
    const isOfStore = failures.length === 0 && !(error instanceof HeliostatError)
    return { error: failures[0] ?? error, isOfStore }
  }
}

async function open(sources: ImportSources, run: Run, { request }: Plan): Promise<Source> {
  const { signal } = run.end
  if (request.name === 'web-download') return sources.openWeb(parseWebDownload(request), signal)
  if (!sources.openGlance || run.token === null) {
    throw new HeliostatError(
      'conflict',
      'The import was broken off, and cannot go on without the token of whoever asked for it: ask for it again',
    )
  }
  return sources.openGlance(parseGlanceDownload(request), { token: run.token, signal })
}

function storeOf(stores: Stores, id: string): Store {
  const store = stores.find(id)
  if (store) return store
  throw new Error(`Store "${id}" is not there`)
}

/** What callers are told: nothing where stores have no names for them. */
export function shown(
  { areNamed }: Pick<Stores, 'areNamed'>,
  { pending, failed }: State,
): StoreProgress {
  return areNamed ? { pending: [...pending], failed: [...failed] } : { pending: [], failed: [] }
}

function deleted({ imageId }: Run): HeliostatError {
  return new HeliostatError('gone', `Image ${imageId} was deleted while it was imported`)
}

function noStore(failed: readonly string[]): HeliostatError {
  return new HeliostatError(
    'unavailable',
    `The image could be written to none of: ${failed.join(', ')}`,
  )
}
