/** What is kept of an outage: since when the upstream has not been heard, and that it has been told. */
import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../../reason.ts'
import { UnreachableError } from '../upstream/site-failures.ts'
import type { Replica } from './replica.ts'

/** For so long an edge may seem to have been alone that was not, where it was killed. */
const SAVE_MS = 60_000

const log = getLogger(['heliostat', 'follow'])

/** When the upstream was last heard, for a start without it. */
export interface HeardNotes {
  /** It is heard now. That is written down now and then. */
  note(): Promise<void>
  /** Writes it down at once, for it may be the last for long. Never rejects. */
  save(): Promise<void>
}

export function createHeardNotes(replica: Pick<Replica, 'noteHeard'>): HeardNotes {
  let at: number | null = null
  let saved: number | null = null

  async function save(): Promise<void> {
    if (at === null || at === saved) return
    saved = at
    await replica.noteHeard(at).catch((error: unknown) => {
      log.debug('Cannot write down that the upstream was heard: {reason}', {
        reason: reasonOf(error),
      })
    })
  }

  return {
    save,

    async note(): Promise<void> {
      at = Date.now()
      // A clock that was set back is no reason to wait.
      if (saved === null || Math.abs(at - saved) >= SAVE_MS) await save()
    },
  }
}

/** Tells of what goes on failing once, and that it is over. That no upstream answers is told where they are asked. */
export interface FailureLog {
  tell(error: unknown): void
  end(): void
}

export function createFailureLog(): FailureLog {
  let told: string | null = null

  return {
    tell(error: unknown): void {
      const reason = reasonOf(error)
      if (reason === told || error instanceof UnreachableError) return
      log.warn('Cannot follow the upstream: {reason}', { reason })
      told = reason
    },

    end(): void {
      if (told !== null) log.info('Follows the upstream again')
      told = null
    },
  }
}
