import { getLogger } from '@logtape/logtape'
import type { Sweeper } from '../inventory/sweep.ts'
import type { Feed } from '../mirror/feed/reader.ts'
import type { ImageRepo } from '../images/repo.ts'
import type { Uploader } from '../images/upload/uploader.ts'
import type { RememberedTokens } from '../registry/remembered-tokens.ts'

const log = getLogger(['heliostat', 'upkeep'])

export interface Upkeep {
  sweeper: Sweeper
  uploader: Uploader
  images: Pick<ImageRepo, 'scrub'>
  /** Seconds after which an image that waits for its deletion is deleted; null at an edge, where only the feed does so. */
  scrubTime: number | null
  /** Seconds that what nothing refers to is kept. */
  grace: number
  feed: Pick<Feed, 'compact'>
  /** Changes that mirrors can catch up with; those who are further behind take a snapshot. */
  feedRows: number
  rememberedTokens: Pick<RememberedTokens, 'deleteExpired'>
}

/** One round of what must be done now and then: dead uploads end, garbage goes. A failure waits for the next round. */
export async function runUpkeep(upkeep: Upkeep): Promise<void> {
  const { sweeper, uploader, images, scrubTime, grace, feed, feedRows, rememberedTokens } = upkeep
  try {
    await uploader.recover()
    const scrubbed = scrubTime === null ? [] : await images.scrub(Date.now() - scrubTime * 1000)
    if (scrubbed.length > 0) log.info('Scrubbed images {images}', { images: scrubbed.join(', ') })
    await feed.compact(feedRows)
    await rememberedTokens.deleteExpired()
    const { blobs, chunks } = await sweeper.sweep(grace * 1000)
    if (blobs + chunks > 0) log.info('Swept {blobs} blobs and {chunks} chunks', { blobs, chunks })
  } catch (error) {
    log.error('Upkeep failed: {reason}', { reason: String(error) })
  }
}

const RECOVER_MS = 5_000
const SWEEP_MS = 10 * 60_000

/** Upkeep by timers, for runtimes that stay alive. Returns the function that ends it. */
export function scheduleUpkeep(upkeep: Upkeep): () => void {
  const recover = setInterval(() => {
    upkeep.uploader.recover().catch((error: unknown) => {
      log.error('Recovery of dead uploads failed: {reason}', { reason: String(error) })
    })
  }, RECOVER_MS)
  const sweep = setInterval(() => void runUpkeep(upkeep), SWEEP_MS)
  void runUpkeep(upkeep)
  return () => {
    clearInterval(recover)
    clearInterval(sweep)
  }
}
