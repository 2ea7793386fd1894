import { ConfigError, HeliostatError } from '../errors.ts'
import { candidatesFor, type CopyCandidate } from '../images/locations/held.ts'
import { hideCredentials } from '../masking.ts'
import { reasonOf } from '../reason.ts'
import { createSiteCopier } from '../runtime/site-copier.ts'
import type { Copier } from '../stores/copying.ts'
import type { Store } from '../stores/store.ts'
import { print, printError } from './print.ts'
import { createProgress, formatBytes, transferText } from './progress.ts'
import { requireStore, requireWritable, type StoreSite } from './store-site.ts'

export interface CopyCommand {
  to: string
  from?: string
  all?: true
  /** Mbit/s. */
  rate?: number
  dryRun?: true
}

/** `heliostat store copy`. Exit code 1 when an image could not be copied; the others are. */
export async function copy(site: StoreSite, ids: string[], options: CopyCommand): Promise<void> {
  const store = requireWritable(site.stores, options.to)
  const from = options.from === undefined ? null : requireStore(site.stores, options.from).id
  if (from === store.id)
    throw new ConfigError(`--from: got "${from}", wanted another store than --to`)
  if (!options.all && ids.length === 0) throw new ConfigError('Wanted the ids of images, or --all')
  if (options.all && ids.length > 0)
    throw new ConfigError('Wanted the ids of images, or --all, not both')
  const wanted = { to: store.id, from, ids: options.all ? null : ids }
  const found = await candidatesFor(site.registry, wanted)
  const missing = found.filter(({ isThere, isInSource }) => !isThere && isInSource)
  const failed = options.all ? [] : refuseAbsent(ids, found, from)
  if (options.dryRun) {
    for (const image of missing) print(lineOf(image, 'would be copied'))
    print(`Would copy ${countOf(missing)} to store "${store.id}"`)
  } else {
    const copier = createSiteCopier(site)
    const images = createImageCopying(site, { store, copier, images: missing, from, ...options })
    failed.push(...(await images.copyAll()))
  }
  if (failed.length === 0) return
  printError(`Not copied: ${failed.join(', ')}`)
  process.exitCode = 1
}

/** Tells of those that were named and cannot be copied, and returns their ids. */
function refuseAbsent(ids: string[], found: CopyCandidate[], from: string | null): string[] {
  return ids.filter((id) => {
    const image = found.find((candidate) => candidate.id === id)
    if (image?.isThere || image?.isInSource) return false
    printError(
      image ? `Image ${id} is not in store "${from}"` : `No image with data found with ID ${id}`,
    )
    return true
  })
}

interface ImageCopying {
  /** The ids of those that could not be copied. */
  copyAll(): Promise<string[]>
}

interface Copying {
  store: Store
  copier: Copier
  images: CopyCandidate[]
  from: string | null
  rate?: number
}

function createImageCopying(
  { signal }: StoreSite,
  { store, copier, images, from, rate = Infinity }: Copying,
): ImageCopying {
  const total = sizeOf(images)
  const startedAt = performance.now()
  const bar = createProgress()
  let before = 0

  async function copyOne(image: CopyCandidate): Promise<string> {
    return copier.copy(image.id, store, {
      prefer: from === null ? [] : [from],
      rate,
      signal,
      progress(bytes) {
        const done = before + bytes
        const text = transferText({ done, total, before: 0, startedAt })
        bar.show(done, total, `${image.id}  ${text}`)
      },
    })
  }

  return {
    async copyAll() {
      const failed: string[] = []
      const copied: CopyCandidate[] = []
      for (const image of images) {
        try {
          const end = await copyOne(image)
          bar.end()
          print(lineOf(image, ENDS[end] ?? end))
          if (end === 'copied') copied.push(image)
        } catch (error) {
          bar.end()
          if (signal.aborted) throw error
          printError(failureOf(image.id, error))
          failed.push(image.id)
        }
        before += image.size
      }
      print(`Copied ${countOf(copied)} to store "${store.id}"`)
      return failed
    },
  }
}

const ENDS: Record<string, string> = {
  copied: 'copied',
  there: 'is there already',
  gone: 'was deleted meanwhile',
}

/** What went wrong with an image, for an operator. */
export function failureOf(id: string, error: unknown): string {
  const reason = error instanceof HeliostatError ? error.message : reasonOf(error)
  return hideCredentials(reason.includes(id) ? reason : `Image ${id}: ${reason}`)
}

interface Listed {
  id: string
  name: string | null
  size: number
}

export function lineOf({ id, name, size }: Listed, what: string): string {
  return [id, formatBytes(size).padStart(9), what, name ?? ''].join('  ').trimEnd()
}

export function countOf(images: readonly Listed[]): string {
  return `${images.length} images, ${formatBytes(sizeOf(images))},`
}

function sizeOf(images: readonly { size: number }[]): number {
  return images.reduce((sum, { size }) => sum + size, 0)
}
