import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import { HeliostatError } from '../errors.ts'
import { createProgress, formatBytes, transferText } from './progress.ts'
import {
  createRunningSite,
  type FoundImage,
  type RunningSite,
  type SiteOptions,
} from './running-site.ts'

const POLL_MS = 250

export interface PinOptions extends SiteOptions {
  wait?: true
  timeout?: number
  json?: true
}

const cacheList = z.object({ cached_images: z.array(z.object({ image_id: z.string() })) })

const prefetchStatus = z.object({
  state: z.string(),
  queue: z.array(z.object({ image_id: z.string(), done: z.number(), total: z.number() })),
  too_large: z.array(z.string()),
  error: z.string().nullable(),
})

/** `heliostat mirror pin`: has an image lie at an edge whole. */
export async function pin(nameOrId: string, options: PinOptions): Promise<void> {
  const site = createRunningSite(options)
  const image = await site.findImage(nameOrId)
  await site.send('PUT', `/v2/cache/${image.id}`)
  if (options.wait) await untilResident(site, image, options.timeout ?? Infinity)
  const done = options.wait ? 'pinned and resident' : 'pinned'
  tell(options, { id: image.id, pinned: true, resident: options.wait ?? null }, image, done)
}

/** `heliostat mirror unpin`: lets an edge make room for others. */
export async function unpin(nameOrId: string, options: PinOptions): Promise<void> {
  const site = createRunningSite(options)
  const image = await site.findImage(nameOrId)
  await site.send('DELETE', `/v2/cache/${image.id}`)
  tell(options, { id: image.id, pinned: false, resident: false }, image, 'unpinned')
}

async function untilResident(site: RunningSite, image: FoundImage, seconds: number): Promise<void> {
  const progress = createProgress()
  const startedAt = performance.now()
  let before: number | null = null
  try {
    for (;;) {
      const { cached_images } = await site.read('/v2/cache', cacheList)
      if (cached_images.some(({ image_id }) => image_id === image.id)) return
      const { state, queue, too_large, error } = await site.read(
        '/v2/cache/prefetch',
        prefetchStatus,
      )
      if (too_large.includes(image.id)) throw noRoom(image)
      const at = queue.find(({ image_id }) => image_id === image.id)
      if (at) {
        before ??= at.done
        const text = transferText({ ...at, before, startedAt })
        progress.show(at.done, at.total, state === 'fetching' ? text : state)
      }
      if (performance.now() - startedAt > seconds * 1000) {
        const here = at ? `${formatBytes(at.done)} of ${formatBytes(at.total)} are here` : 'queued'
        throw late(seconds, [here, state, error])
      }
      await setTimeout(POLL_MS)
    }
  } finally {
    progress.end()
  }
}

function late(seconds: number, reasons: (string | null)[]): HeliostatError {
  const known = reasons.filter((reason) => reason !== null).join(', ')
  return new HeliostatError('unavailable', `The image is not resident after ${seconds} s: ${known}`)
}

function noRoom({ id }: FoundImage): HeliostatError {
  return new HeliostatError(
    'too-large',
    `Image ${id} does not fit beside the other pinned ones: unpin one, or raise image_cache_max_size`,
  )
}

function tell({ json }: PinOptions, result: object, { id, name }: FoundImage, done: string): void {
  const line = json ? JSON.stringify(result) : `${name ?? id} (${id}) is ${done}`
  process.stdout.write(`${line}\n`)
}
