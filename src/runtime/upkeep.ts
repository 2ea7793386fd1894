/**
 * What runs in the background, beside requests. Nodes that share a libSQL server share its duty (`registry/duty.ts`):
 * what is of the origin is done by the one that has it, what is of the node by each.
 *
 * | what                                                     | of         | how often                   | started by        |
 * |----------------------------------------------------------|------------|-----------------------------|-------------------|
 * | dead uploads, and dead copies from store to store, end,   | the origin | 5 s                         | here              |
 * | and dead imports go on                                    |            |                             |                   |
 * | pending deletes, objects that no image needs, reading of  | the origin | 10 min; on Workers when the | here              |
 * | locations, staged bytes that nobody imports, compaction   |            | cron says so                |                   |
 * | of the feed, expired tokens and tasks, sweeping of stores |            |                             |                   |
 * | sweeping of a cache                                       | the node   | the same                    | here              |
 * | scrubbing of chunks                                       | the origin | always, slowly              | `health.ts`       |
 * | the check of the database file                            | the node   | at the start, then each 6 h | `health.ts`       |
 * | an edge follows its upstream                              | the node   | always, by long polls       | `edge.ts`         |
 * | an edge fetches what is pinned                            | the node   | always, within its window   | `edge-cache.ts`   |
 *
 * The duty saves work and no more: should two nodes believe that they have it, each chore is safe beside itself.
 */
import { getLogger } from '@logtape/logtape'
import { isEdge } from '../config.ts'
import type { Sweeper } from '../inventory/sweep.ts'
import { reasonOf } from '../reason.ts'
import type { Duty } from '../registry/duty.ts'
import type { RememberedTokens } from '../registry/remembered-tokens.ts'
import type { Services } from '../services.ts'
import type { Copier } from '../stores/copying.ts'
import type { Chores } from './chores.ts'

const DEAD_UPLOADS = 'dead-uploads'
const DEAD_COPIES = 'dead-copies'
const DEAD_IMPORTS = 'dead-imports'

const log = getLogger(['heliostat', 'upkeep'])

/** The services that have something to do now and then. */
export interface Upkeep extends Pick<
  Services,
  | 'config'
  | 'uploader'
  | 'importer'
  | 'tasks'
  | 'images'
  | 'feed'
  | 'looseObjects'
  | 'locationReader'
> {
  sweeper: Sweeper
  /** Tells how many chunks went. */
  sweepCache(): Promise<number>
  copier: Pick<Copier, 'recover'>
  rememberedTokens: Pick<RememberedTokens, 'deleteExpired'>
  chores: Chores
}

/** One round of what must be done now and then, each chore for itself. A failure waits for the next round. */
export async function runUpkeep(upkeep: Upkeep): Promise<void> {
  await lookAfterOrigin(upkeep)
  await lookAfterNode(upkeep)
}

async function lookAfterOrigin(upkeep: Upkeep): Promise<void> {
  const {
    config,
    sweeper,
    images,
    looseObjects,
    locationReader,
    importer,
    feed,
    rememberedTokens,
    tasks,
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
  await chores.run('staged', importer.giveUpStaged)
  await chores.run('feed', () => feed.compact(config.mirror.feed_rows))
  await chores.run('expired-tokens', rememberedTokens.deleteExpired)
  await chores.run('expired-tasks', tasks.deleteExpired)
  await chores.run('sweep', async () => {
    const { blobs, chunks } = await sweeper.sweep(config.heliostat.sweep_grace * 1000)
    if (blobs + chunks > 0) log.info('Swept {blobs} blobs and {chunks} chunks', { blobs, chunks })
  })
}

async function lookAfterNode({ chores, sweepCache }: Upkeep): Promise<void> {
  await chores.run('sweep-cache', async () => {
    const chunks = await sweepCache()
    if (chunks > 0) log.info('Swept {chunks} chunks from the cache', { chunks })
  })
}

async function recoverDead({ chores, uploader, copier, importer }: Upkeep): Promise<void> {
  await chores.run(DEAD_UPLOADS, uploader.recover)
  await chores.run(DEAD_COPIES, copier.recover)
  await chores.run(DEAD_IMPORTS, importer.recover)
}

/** Renews the duty too, which is another node's when it has not been for 15 s. */
const RECOVER_MS = 5_000
const SWEEP_MS = 10 * 60_000

/** Upkeep by timers, for runtimes that stay alive. Returns the function that ends it, and gives the duty away. */
export function scheduleUpkeep(upkeep: Upkeep, duty: Duty): () => Promise<void> {
  const { chores } = upkeep

  async function lookSoon(): Promise<void> {
    const wasOurs = duty.isOurs()
    await chores.run('duty', duty.hold)
    if (!duty.isOurs()) return
    await (wasOurs ? recoverDead(upkeep) : lookAfterOrigin(upkeep))
  }

  async function lookSeldom(): Promise<void> {
    if (duty.isOurs()) await lookAfterOrigin(upkeep)
    await lookAfterNode(upkeep)
  }

  async function begin(): Promise<void> {
    await chores.run('duty', duty.hold)
    await lookSeldom()
  }

  const soon = setInterval(() => void lookSoon(), RECOVER_MS)
  const seldom = setInterval(() => void lookSeldom(), SWEEP_MS)
  void begin()
  return async () => {
    clearInterval(soon)
    clearInterval(seldom)
    await duty.release().catch((error: unknown) => {
      log.warn('Another node does the upkeep in a while: {reason}', { reason: reasonOf(error) })
    })
  }
}
