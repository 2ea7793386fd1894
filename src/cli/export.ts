import type { Command } from 'commander'
import { HeliostatError } from '../errors.ts'
import type { FoundImage } from '../images/image.ts'
import { createMemberRepo, toWireMember } from '../images/members.ts'
import { createImageRepo, type ImageRepo } from '../images/repo.ts'
import { toWire } from '../images/wire.ts'
import { createMovingRows } from '../imports/moving/rows.ts'
import { type ImageFolder, openImageFolder, type WrittenImage } from '../runtime/image-folder.ts'
import { type ConfigOptions, withConfigOptions } from './options.ts'
import { print, printError } from './print.ts'
import { createProgress, transferText } from './progress.ts'
import { failureOf, lineOf } from './store-copy.ts'
import { type StoreSite, withStores } from './store-site.ts'

const EVERYBODY = { isAdmin: true, projectId: null }

/** `heliostat export`. */
export function addExportCommand(program: Command): void {
  withConfigOptions(program.command('export'))
    .description('Write images to a folder as plain files; exit 1 when one could not be written')
    .argument('<folder>', 'where they go; what is there already is not written again')
    .argument('[image...]', 'their ids (default: all of them)')
    .action((folder: string, ids: string[], options: ConfigOptions) =>
      withStores(options, (site) => exportTo(site, folder, ids)),
    )
}

async function exportTo(site: StoreSite, path: string, ids: string[]): Promise<void> {
  const images = createImageRepo(site.registry)
  const wanted = ids.length > 0 ? ids : await allIds(site)
  const total = await sizeOf(images, wanted)
  const folder = await openImageFolder(path, site)
  const bar = createProgress()
  const startedAt = performance.now()
  let [done, written, failed] = [0, 0, 0]
  const took = (bytes: number) => {
    done += bytes
    bar.show(done, total, transferText({ done, total, before: 0, startedAt }))
  }
  for (const id of wanted) {
    try {
      const image = await requireImage(images, id)
      const isNew = await write(site, { folder, image, took })
      bar.end()
      if (!isNew) continue
      written++
      print(lineOf({ ...image, size: image.size ?? 0 }, 'written'))
    } catch (error) {
      bar.end()
      if (site.signal.aborted) throw error
      failed++
      printError(failureOf(id, error))
    }
  }
  print(`Wrote ${written} images to ${path}, ${wanted.length - written - failed} were there`)
  if (failed > 0) process.exitCode = 1
}

async function allIds({ registry }: StoreSite): Promise<string[]> {
  return (await createMovingRows(registry).all()).map(({ id }) => id)
}

async function sizeOf(images: ImageRepo, ids: string[]): Promise<number> {
  let bytes = 0
  for (const id of ids) bytes += (await images.find(id, EVERYBODY))?.size ?? 0
  return bytes
}

async function requireImage(images: ImageRepo, id: string): Promise<FoundImage> {
  const image = await images.find(id, EVERYBODY)
  if (image) return image
  throw new HeliostatError('not-found', `No image found with ID ${id}`)
}

interface Writing {
  folder: ImageFolder
  image: FoundImage
  took(bytes: number): void
}

async function write(site: StoreSite, { folder, image, took }: Writing): Promise<boolean> {
  const { registry, signal } = site
  const manifest = await manifestOf(site, image)
  const members = await createMemberRepo(registry).list(image, EVERYBODY)
  const record = { ...toWire(image), members: members.map(toWireMember) }
  return folder.write({ record, image, manifest }, { signal, took })
}

async function manifestOf(
  { manifests }: StoreSite,
  { blob, status, size }: FoundImage,
): Promise<WrittenImage['manifest']> {
  if (status !== 'active' && status !== 'deactivated') return null
  const manifest = blob === null ? null : await manifests.find(blob)
  if (manifest) return manifest
  if (size === 0 && blob === null) return null
  throw new HeliostatError(
    'unavailable',
    'Its bytes have not been read yet: heliostat serve does so',
  )
}
