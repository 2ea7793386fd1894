import type { FoundImage } from '../images/image.ts'
import type { ProjectLimits } from '../images/project-limits.ts'
import type { ImageReads } from '../images/reads.ts'
import type { Copier } from '../stores/copying.ts'
import type { Stores } from '../stores/store.ts'
import type { StoreProgress } from './lock.ts'
import { obtain, type ObtainingParts } from './obtaining.ts'
import type { ImportRows } from './rows.ts'
import { deleted, Lost, noStore, type Plan, type Run, type State, storeOf } from './run.ts'

export interface PerformingParts extends ObtainingParts {
  rows: Pick<ImportRows, 'note' | 'activate' | 'staged'>
  images: Pick<ImageReads, 'find'>
  limits: Pick<ProjectLimits, 'refuseMore'>
  copier: Pick<Copier, 'copy'>
}

const EVERYBODY = { isAdmin: true, projectId: null }

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

/** What callers are told: nothing where stores have no names for them. */
export function shown(
  { areNamed }: Pick<Stores, 'areNamed'>,
  { pending, failed }: State,
): StoreProgress {
  return areNamed ? { pending: [...pending], failed: [...failed] } : { pending: [], failed: [] }
}
