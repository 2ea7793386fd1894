import { reasonOf } from '../../reason.ts'
import { sleep } from '../../sleep.ts'
import { createLooks, type LooksParts } from './looks.ts'
import type { Report } from './report.ts'

/** All of a source is looked at anew once so many times the time has passed that it took. */
const SELDOM = 20

export interface FollowOptions {
  /** Milliseconds between two looks. */
  interval: number
  /** Whether images go here that this run has seen there and that are deleted there. */
  deletes: boolean
  /** Told of a look that has failed: the next one may go well. */
  failed(reason: string): void
}

/** Moves the images of another Glance to this site. */
export interface Moving {
  /** Tells what would be done, and does nothing. */
  preview(): Promise<void>
  /** Looks at everything once, and takes what is not here as it is there. */
  once(): Promise<void>
  /** Goes on looking until the signal is given. */
  follow(options: FollowOptions): Promise<void>
  report(): Report
}

export function createMoving(parts: LooksParts): Moving {
  const { intake, account, signal } = parts
  const looks = createLooks(parts)

  return {
    preview: looks.preview,
    report: account.report,

    async once() {
      await intake.recover()
      await looks.survey()
      await looks.everything()
    },

    async follow({ interval, deletes, failed }) {
      let wholeAt = performance.now()
      let took = 0

      async function look(): Promise<void> {
        const begun = performance.now()
        if (begun - wholeAt < SELDOM * took) return looks.changes()
        await looks.everything()
        if (deletes) await looks.deleteGone()
        wholeAt = performance.now()
        took = wholeAt - begun
      }

      for (;;) {
        await sleep(interval, signal)
        if (signal.aborted) return
        await look().catch((error: unknown) => {
          if (!signal.aborted) failed(reasonOf(error))
        })
      }
    },
  }
}
