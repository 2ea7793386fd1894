import { InvalidArgumentError } from 'commander'
import { UUID } from '../../schema/image.ts'
import { createMemberRepo } from '../images/members.ts'
import { createImageRepo } from '../images/repo.ts'
import { createMoving, type Moving } from '../imports/moving/moving.ts'
import { createAccount } from '../imports/moving/report.ts'
import { createMovingRows } from '../imports/moving/rows.ts'
import { createSharing } from '../imports/moving/sharing.ts'
import type { GlanceSource, SourceFilter } from '../imports/moving/source.ts'
import { createDefinitions } from '../metadefs/definitions.ts'
import { createSiteIntake } from '../runtime/site-intake.ts'
import type { Screen } from './moving-report.ts'
import { requireWritable, type StoreSite } from './store-site.ts'

const MOST_AT_ONCE = 16
export const AT_ONCE = 2

export interface SiteMovingOptions {
  source: GlanceSource
  filter: SourceFilter
  /** The id of the store that the bytes go to; the default store unless it is given. */
  store?: string | undefined
  parallel: number
  /** Whether images that lie in a store of this site stay where they are. */
  adopts?: boolean
  metadefs: boolean
  /** Whether what is here and not at the source is of interest. */
  isAll: boolean
  screen: Screen
}

/** What moves images of a source to this site. */
export function createSiteMoving(site: StoreSite, options: SiteMovingOptions): Moving {
  const { registry, stores, signal } = site
  const { source, filter, store, parallel, adopts = false, metadefs, isAll, screen } = options
  const images = createImageRepo(registry)
  const rows = createMovingRows(registry)
  return createMoving({
    source,
    filter,
    intake: createSiteIntake(site, {
      images,
      adopts,
      store: store === undefined ? stores.byDefault : requireWritable(stores, store),
    }),
    sharing: createSharing(createMemberRepo(registry)),
    definitions: metadefs ? createDefinitions(registry) : null,
    rows: isAll ? rows : { ...rows, all: async () => [] },
    deletions: images,
    account: createAccount(),
    watcher: screen,
    atOnce: parallel,
    signal,
  })
}

/** Runs it and prints its report, also where it is interrupted or fails. Exit code 1 when something is missing. */
export async function reporting(
  { signal }: StoreSite,
  { moving, screen }: { moving: Moving; screen: Screen },
  run: () => Promise<void>,
): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!signal.aborted) {
      screen.end(moving.report())
      throw error
    }
  }
  const report = moving.report()
  screen.end(report)
  if (report.missing.length > 0 || !report.complete) process.exitCode = 1
}

export function collectId(id: string, before: string[] = []): string[] {
  if (UUID.test(id)) return [...before, id]
  throw new InvalidArgumentError('Wanted the id of an image, a UUID.')
}

export function atOnce(text: string): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= 1 && number <= MOST_AT_ONCE) return number
  throw new InvalidArgumentError(`Wanted a number from 1 to ${MOST_AT_ONCE}.`)
}
