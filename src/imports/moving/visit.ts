import { HeliostatError } from '../../errors.ts'
import type { FoundImage } from '../../images/image.ts'
import { reasonOf } from '../../reason.ts'
import { stepFor, type Step } from './comparison.ts'
import type { Intake } from './intake.ts'
import type { SourceImage } from './record.ts'
import type { Account, Outcome, Told } from './report.ts'
import type { Sharing } from './sharing.ts'
import type { GlanceSource } from './source.ts'

/** What somebody who watches is told. */
export interface Watcher {
  /** What became of an image, or would become of it. */
  line(told: Told, what: string): void
  failure(told: Told, reason: string): void
  /** So many bytes came. */
  bytes(count: number): void
  /** That many images and bytes are to come in this pass. */
  total(images: number, bytes: number): void
}

export interface VisitParts {
  source: GlanceSource
  intake: Intake
  sharing: Sharing
  account: Account
  watcher: Watcher
  signal: AbortSignal
}

/** Looks at one image of the source after the other. */
export interface Visit {
  /** What would be done. */
  plan(found: SourceImage): Promise<Step>
  /** Does it, and notes what came of it. 'later': an upload of it has not ended here. */
  visit(found: SourceImage): Promise<'done' | 'later'>
  /** Notes that what is still coming in here was not waited for. */
  giveUp(found: SourceImage): void
}

const NOT_TAKEN = {
  'other-bytes': 'it has other bytes here',
  'unfinished-there': 'its data is coming in at the source',
  'unfinished-here': 'its data is coming in here',
} as const

export function createVisit(parts: VisitParts): Visit {
  const { intake, account, watcher, signal } = parts
  const doing = createDoing(parts)

  function fail(found: SourceImage, error: unknown): void {
    const isOurs = error instanceof HeliostatError
    const reason = isOurs ? error.message : reasonOf(error)
    if (isOurs && error.code === 'gone') {
      account.differs('deletedHere', { ...named(found), reason })
      return
    }
    account.differs('missing', { ...named(found), reason })
    watcher.failure(told(found), reason)
  }

  return {
    plan: async (found) => stepFor(found, await intake.find(found.image.id)),

    async visit(found) {
      const here = await intake.find(found.image.id)
      const step = stepFor(found, here)
      if (step === 'unfinished-here') return 'later'
      try {
        const outcome = await doing.act(step, found, here)
        if (outcome === null) return 'done'
        const shared = await doing.share(found)
        const whole = outcome === 'same' && shared ? 'updated' : outcome
        account.came(told(found), whole)
        if (whole !== 'same') watcher.line(told(found), DONE[whole])
      } catch (error) {
        fail(found, signal.aborted ? signal.reason : error)
        if (signal.aborted) throw signal.reason
      }
      return 'done'
    },

    giveUp: (found) => fail(found, new HeliostatError('conflict', NOT_TAKEN['unfinished-here'])),
  }
}

interface Doing {
  /** Null where nothing is to be done, for the reason that is noted. */
  act(step: Step, found: SourceImage, here: FoundImage | null): Promise<Outcome | null>
  /** Tells whether its members had to be changed. */
  share(found: SourceImage): Promise<boolean>
}

function createDoing({ source, intake, sharing, account, watcher, signal }: VisitParts): Doing {
  async function take(found: SourceImage, here: FoundImage | null): Promise<Outcome> {
    const { id } = found.image
    const outcome = await intake.take(found, here, (size) =>
      source.file({ id, size }, { signal, took: watcher.bytes }),
    )
    if (!found.digests.hash && !found.digests.checksum) account.unverified(told(found))
    return outcome
  }

  return {
    async act(step, found, here) {
      switch (step) {
        case 'take':
          return take(found, here)
        case 'record':
          await intake.record(found)
          return 'recorded'
        case 'update':
          if (here) await intake.update(found, here)
          return 'updated'
        case 'same':
          return 'same'
        case 'changed-here':
          account.differs('changedHere', { ...named(found), reason: 'it was changed here since' })
          return null
        case 'other-bytes':
        case 'unfinished-there':
        case 'unfinished-here':
          throw new HeliostatError('conflict', NOT_TAKEN[step])
      }
    },

    async share({ image }) {
      if (image.visibility !== 'shared') return false
      return sharing.bring(image, await source.members(image.id, signal))
    },
  }
}

const DONE: Record<Exclude<Outcome, 'same'>, string> = {
  taken: 'taken',
  adopted: 'adopted where it lies',
  recorded: 'recorded, it has no data',
  updated: 'updated',
}

export function told({ image: { id, name }, size }: SourceImage): Told {
  return { id, name, size }
}

function named({ image: { id, name } }: SourceImage): { id: string; name: string | null } {
  return { id, name }
}
