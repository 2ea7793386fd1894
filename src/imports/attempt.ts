import { getLogger } from '@logtape/logtape'
import { HeliostatError } from '../errors.ts'
import { UPLOAD_LEASE_MS } from '../inventory/leases.ts'
import { reasonOf } from '../reason.ts'
import type { LooseObjects } from '../stores/loose.ts'
import { perform, type PerformingParts, shown } from './performing.ts'
import { describeProgress } from './progress.ts'
import type { ClaimedTask, ImportRows } from './rows.ts'
import { Lost, type Plan, planOf, type Run, Stopped, undoneOf } from './run.ts'

/** After so many processes have broken off with it an import is given up. */
const MOST_ATTEMPTS = 5
const BEAT_MS = UPLOAD_LEASE_MS / 4
/** The most that a timer takes. */
const LONGEST_MS = 2 ** 31 - 1

const log = getLogger(['heliostat', 'imports'])

export interface AttemptParts extends PerformingParts {
  rows: ImportRows
  looseObjects: Pick<LooseObjects, 'tryRemove'>
  options: {
    /** Milliseconds that an import may take; Infinity for as long as it takes. */
    timeout: number
  }
}

/** Tells that an import goes on, for as long as the work lasts, and ends it when its time is up. Never rejects. */
export async function whileAlive(
  { rows, options: { timeout } }: AttemptParts,
  run: Run,
  work: () => Promise<void>,
): Promise<void> {
  const beat = setInterval(() => void keepAlive(rows, run), BEAT_MS)
  const timer = setTimeout(() => run.end.abort(late(timeout)), Math.min(timeout, LONGEST_MS))
  try {
    await work()
  } catch (error) {
    // It is taken up again when it has not been heard of for a while.
    log.error('Import {task} of image {image} could not be ended: {reason}', {
      task: run.id,
      image: run.imageId,
      reason: reasonOf(error),
    })
  } finally {
    clearInterval(beat)
    clearTimeout(timer)
  }
}

/** An import that others have ended, or whose image was deleted, is not done to its end. */
export async function keepAlive(rows: ImportRows, run: Run): Promise<void> {
  const isOurs = await rows.heartbeat(run.id, describeProgress(run.bytes)).catch(() => true)
  if (!isOurs) run.end.abort(new Lost())
}

/** `claimed` is null for one whose turn has only now come. */
export async function attempt(
  parts: AttemptParts,
  run: Run,
  claimed: ClaimedTask | null,
): Promise<void> {
  const { rows } = parts
  const { signal } = run.end
  const task = claimed ?? (await rows.claim(run.id))
  if (!task) return
  let plan: Plan | null = null
  try {
    signal.throwIfAborted()
    if (task.attempts > MOST_ATTEMPTS) throw givenUp()
    plan = planOf(task, parts.stores)
    await perform(parts, run, plan)
    await rows.succeed(run)
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error
    if (reason instanceof Lost) return
    if (reason instanceof Stopped) return rows.release(run.id)
    await conclude(parts, run, { plan, reason })
  }
}

async function conclude(
  { rows, stores, looseObjects }: AttemptParts,
  run: Run,
  { plan, reason }: { plan: Plan | null; reason: unknown },
): Promise<void> {
  const message = reason instanceof HeliostatError ? reason.message : reasonOf(reason)
  log.warn('Import {task} of image {image} failed: {reason}', {
    task: run.id,
    image: run.imageId,
    reason: reasonOf(reason),
  })
  const targets = plan?.stores ?? []
  await rows.fail(run, {
    message,
    progress: shown(stores, { pending: new Set(), failed: new Set(targets) }),
    undone: plan ? undoneOf(plan.request, targets) : [],
  })
  await looseObjects.tryRemove()
}

function late(milliseconds: number): HeliostatError {
  return new HeliostatError(
    'request-timeout',
    `The import was not done within ${milliseconds / 1000} s ([heliostat] import_timeout)`,
  )
}

function givenUp(): HeliostatError {
  return new HeliostatError(
    'unavailable',
    `The import was broken off ${MOST_ATTEMPTS} times, with whoever did it: ask for it again`,
  )
}
