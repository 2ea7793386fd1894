import { getLogger } from '@logtape/logtape'
import { createClockWatch } from '../clock-watch.ts'
import { HeliostatError } from '../errors.ts'
import { UPLOAD_LEASE_MS } from '../inventory/leases.ts'
import { createTurns } from '../turns.ts'
import { attempt, type AttemptParts, keepAlive, whileAlive } from './attempt.ts'
import type { NewImport } from './beginning.ts'
import type { ClaimedTask } from './rows.ts'
import { createRun, type Run, Stopped } from './run.ts'

const log = getLogger(['heliostat', 'imports'])

export interface ImporterParts extends AttemptParts {
  options: AttemptParts['options'] & {
    /** Imports that are done at once; the others wait for their turn. */
    atOnce: number
    /** Milliseconds for which staged bytes wait for their import. */
    stageTime: number
  }
}

/** Imports, which go on when the answer to whoever asked for them is out. */
export interface Importer {
  /**
   * Begins an import, with the token of who has asked for it where that is needed. [conflict] where another one is under
   * way, or the image is not any more what it was.
   */
  begin(given: NewImport, token: string | null): Promise<void>
  /** For an image of which another import is under way [conflict]. */
  refuseLocked(imageId: string): Promise<void>
  /** Takes up the imports of processes that have died. */
  recover(): Promise<void>
  /** Queues images again whose staged bytes nobody imports. */
  giveUpStaged(): Promise<void>
  /** Resolves when none is under way here. */
  settled(): Promise<void>
  /** Leaves all that are under way to whoever takes them up: another process, or the next one here. */
  stop(): Promise<void>
}

export function createImporter(parts: ImporterParts): Importer {
  const { rows, options } = parts
  const inTurn = createTurns(options.atOnce)
  const clock = createClockWatch(UPLOAD_LEASE_MS, rows.now)
  const running = new Set<Run>()
  const ends = new Set<Promise<void>>()

  /** `task` is null as long as its turn has not come. */
  function start(run: Run, task: ClaimedTask | null): void {
    running.add(run)
    const end: Promise<void> = whileAlive(parts, run, () =>
      inTurn(() => attempt(parts, run, task)),
    ).finally(() => {
      running.delete(run)
      ends.delete(end)
    })
    ends.add(end)
  }

  return {
    async begin(given, token) {
      const begun = await rows.begin(given, Date.now())
      if (begun !== 'begun') throw refusal(given, begun)
      start(createRun({ id: given.task.id, imageId: given.imageId }, token), null)
    },

    async refuseLocked(imageId) {
      if (await rows.isLocked(imageId)) throw locked()
    },

    async recover() {
      // After a suspend this process may come here before its own heartbeats do.
      await Promise.all([...running].map((run) => keepAlive(rows, run)))
      if (!(await clock.isSteady())) return
      for (const left of await rows.dead()) {
        const task = await rows.claim(left.id)
        if (task) start(createRun(left, null), task)
      }
    },

    async giveUpStaged() {
      const given = await rows.giveUpStaged(options.stageTime)
      if (given.length === 0) return
      log.warn('Images are queued again whose staged bytes nobody has imported: {images}', {
        images: given.join(', '),
      })
    },

    async settled() {
      await Promise.all(ends)
    },

    async stop() {
      for (const run of running) run.end.abort(new Stopped())
      await Promise.all(ends)
    },
  }
}

function refusal({ imageId, isStaged }: NewImport, why: 'locked' | 'changed'): HeliostatError {
  if (why === 'locked') return locked()
  if (isStaged) return notStaged()
  return new HeliostatError('conflict', `Image ${imageId} was changed meanwhile: look at it again`)
}

function locked(): HeliostatError {
  return new HeliostatError('conflict', 'Image has active task')
}

/** For an image whose bytes are not all there that are to be imported [409]. */
export function notStaged(): HeliostatError {
  const message = "Image needs to be staged before 'glance-direct' method can be used"
  return new HeliostatError('conflict', message)
}
