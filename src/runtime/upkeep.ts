/**
 * What runs in the background, beside requests:
 *
 * | what                                                     | how often                   | started by                 |
 * |----------------------------------------------------------|-----------------------------|----------------------------|
 * | dead uploads, and dead copies from store to store, end    | 5 s                         | here                       |
 * | pending deletes, objects that no image needs, compaction of the feed, expired tokens, | 10 min; on Workers when the | here                       |
 * | sweeping, also of a cache                                | cron says so                |                            |
 * | scrubbing of chunks                                      | always, slowly              | `health.ts`                |
 * | the check of the database file                           | at the start, then each 6 h | `health.ts`                |
 * | an edge follows its upstream                             | always, by long polls       | `edge.ts`                  |
 * | an edge fetches what is pinned                           | always, within its window   | `edge-cache.ts`            |
 */
import { getLogger } from '@logtape/logtape'
import { isEdge } from '../config.ts'
import type { Sweeper } from '../inventory/sweep.ts'
import type { RememberedTokens } from '../registry/remembered-tokens.ts'
import type { Services } from '../services.ts'
import type { Copier } from '../stores/copying.ts'
import type { Chores } from './chores.ts'

const DEAD_UPLOADS = 'dead-uploads'
const DEAD_COPIES = 'dead-copies'

const log = getLogger(['heliostat', 'upkeep'])

/** The services that have something to do now and then. */
export interface Upkeep extends Pick<
  Services,
  'config' | 'uploader' | 'images' | 'feed' | 'looseObjects' | 'locationReader'
> {
  sweeper: Sweeper
  /** Tells how many chunks went. */
  sweepCache(): Promise<number>
  copier: Pick<Copier, 'recover'> | null
  rememberedTokens: Pick<RememberedTokens, 'deleteExpired'>
  chores: Chores
}

/** One round of what must be done now and then, each chore for itself. A failure waits for the next round. */
export async function runUpkeep(upkeep: Upkeep): Promise<void> {
  const {
    config,
    sweeper,
    sweepCache,
    images,
    looseObjects,
    locationReader,
    feed,
    rememberedTokens,
    chores,
  } = upkeep
  await recoverDead(upkeep)
  // At an edge only the feed deletes.
  if (!isEdge(config)) {
    await chores.run('pending-deletes', async () => {
      const deleted = await images.deletePending(Date.now() - config.DEFAULT.scrub_time * 1000)
      if (deleted.length === 0) return
      log.info('Deleted images for good: {images}', { images: deleted.join(', ') })
    })
  }
  await chores.run('loose-objects', looseObjects.remove)
  await chores.run('locations', locationReader.read)
  await chores.run('feed', () => feed.compact(config.mirror.feed_rows))
  await chores.run('expired-tokens', rememberedTokens.deleteExpired)
  await chores.run('sweep', async () => {
    const { blobs, chunks } = await sweeper.sweep(config.heliostat.sweep_grace * 1000)
    if (blobs + chunks > 0) log.info('Swept {blobs} blobs and {chunks} chunks', { blobs, chunks })
  })
  await chores.run('sweep-cache', async () => {
    const chunks = await sweepCache()
    if (chunks > 0) log.info('Swept {chunks} chunks from the cache', { chunks })
  })
}

async function recoverDead({ chores, uploader, copier }: Upkeep): Promise<void> {
  await chores.run(DEAD_UPLOADS, uploader.recover)
  if (copier) await chores.run(DEAD_COPIES, copier.recover)
}

const RECOVER_MS = 5_000
const SWEEP_MS = 10 * 60_000

/** Upkeep by timers, for runtimes that stay alive. Returns the function that ends it. */
export function scheduleUpkeep(upkeep: Upkeep): () => void {
  const recover = setInterval(() => void recoverDead(upkeep), RECOVER_MS)
  const sweep = setInterval(() => void runUpkeep(upkeep), SWEEP_MS)
  void runUpkeep(upkeep)
  return () => {
    clearInterval(recover)
    clearInterval(sweep)
  }
}
