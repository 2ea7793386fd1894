import { HeliostatError } from '../errors.ts'
import type { FoundImage } from '../images/image.ts'
import type { Uploader } from '../images/upload/uploader.ts'
import type { Store, Stores } from '../stores/store.ts'
import type { Plugins } from './plugins.ts'
import { watched } from './progress.ts'
import {
  type GlanceDownload,
  parseGlanceDownload,
  parseWebDownload,
  type WebDownload,
} from './request.ts'
import type { ImportRows } from './rows.ts'
import { noStore, type Plan, type Run, type State, storeOf } from './run.ts'
import { type Extras, NOTHING, type Source } from './source.ts'
import { openStaged, requireSigned, type StagedParts } from './staged.ts'

/** Where bytes of imports come from. */
export interface ImportSources {
  openWeb(wanted: WebDownload, signal: AbortSignal): Promise<Source>
  /** Null where callers have no tokens of Keystone. */
  openGlance:
    | ((wanted: GlanceDownload, options: { token: string; signal: AbortSignal }) => Promise<Source>)
    | null
}

export interface ObtainingParts extends StagedParts {
  rows: Pick<ImportRows, 'staged'>
  uploader: Pick<Uploader, 'upload'>
  stores: Stores
  sources: ImportSources
  plugins: Plugins
}

interface Work {
  plan: Plan
  state: State
  image: FoundImage
}

/** Has the bytes that the image is to have wait in a store, and tells what becomes of its record by them. */
export async function obtain(
  parts: ObtainingParts,
  run: Run,
  { plan, state, image }: Work,
): Promise<Extras> {
  const staged = await parts.rows.staged(run.imageId)
  if (staged?.extras) return staged.extras
  for (const id of [...state.pending]) {
    const source = await open(parts, run, { plan, image, staged: staged?.blob ?? null })
    if (!source) return NOTHING
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

interface Wanted {
  plan: Plan
  image: FoundImage
  /** The blob of what was staged. */
  staged: string | null
}

/** Null where what is staged is all that the image needs. */
async function open(
  parts: ObtainingParts,
  run: Run,
  { plan: { request }, image, staged }: Wanted,
): Promise<Source | null> {
  const { signal } = run.end
  const { sources, plugins } = parts
  if (request.name === 'glance-direct') return openDirect(parts, run, { image, staged })
  if (request.name === 'web-download') {
    const source = await sources.openWeb(parseWebDownload(request), signal)
    return (await plugins.apply(source, image, signal)).source
  }
  if (!sources.openGlance || run.token === null) {
    throw new HeliostatError(
      'conflict',
      'The import was broken off, and cannot go on without the token of whoever asked for it: ask for it again',
    )
  }
  const { token } = run
  const source = await sources.openGlance(parseGlanceDownload(request), { token, signal })
  return (await plugins.apply(source, { ...image, ...source.record }, signal)).source
}

/** What the plugins make of what is staged; the signature is that of what comes of it. */
async function openDirect(
  parts: ObtainingParts,
  run: Run,
  { image, staged }: { image: FoundImage; staged: string | null },
): Promise<Source | null> {
  if (staged === null) {
    throw new HeliostatError(
      'conflict',
      `The bytes of image ${run.imageId} are not staged any more`,
    )
  }
  if (parts.plugins.mayChange(image)) {
    const opened = { ...(await openStaged(parts, run, staged)), ...NOTHING }
    const { source, isChanged } = await parts.plugins.apply(opened, image, run.end.signal)
    if (isChanged) return source
    await source.body.cancel()
  }
  await requireSigned(parts, run, { image, blob: staged })
  return null
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
  { uploader }: ObtainingParts,
  run: Run,
  { source, store, image, owner }: Intake,
): Promise<IntakeFailure | null> {
  const { record, properties } = source
  run.bytes = { done: 0, total: source.size }
  const failures: unknown[] = []
  const body = watched(source.body, {
    signal: run.end.signal,
    count: (bytes) => (run.bytes.done += bytes),
    broken: (error) => failures.push(error),
  })
  const taken = { ...image, ...record, properties: { ...image.properties, ...properties } }
  try {
    await uploader.upload(taken, () => body, {
      intake: 'import',
      expectedSize: source.size,
      projectId: owner,
      token: run.token,
      store,
      metadata: { record, properties },
    })
    return null
  } catch (error) {
    await body.cancel(error).catch(() => undefined)
    // What the source said is more than that it has broken off.
    const isOfStore = failures.length === 0 && !(error instanceof HeliostatError)
    return { error: failures[0] ?? error, isOfStore }
  }
}
