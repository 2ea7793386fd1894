import { ConfigError, HeliostatError } from '../errors.ts'
import { copiesElsewhere, copiesIn, type HeldCopy } from '../images/locations/held.ts'
import { createImageRepo } from '../images/repo.ts'
import { looseObjectsIn } from '../inventory/loose-objects.ts'
import { createSweeper, type Sweeper } from '../inventory/sweep.ts'
import { openDamage } from '../registry/damage.ts'
import { createSiteCopier } from '../runtime/site-copier.ts'
import type { Copier } from '../stores/copying.ts'
import { refuseInUse } from '../stores/in-use.ts'
import { type Store, sweptStore } from '../stores/store.ts'
import { verifyCopy } from '../stores/verifying.ts'
import { print, printError } from './print.ts'
import { createProgress, transferText } from './progress.ts'
import { failureOf, lineOf } from './store-copy.ts'
import { requireStore, requireWritable, type StoreSite } from './store-site.ts'

interface Drain {
  source: Store
  target: Store
  sweeper: Sweeper
  copier: Copier
}

/** `heliostat store drain`. Exit code 1 when something is left in the store. */
export async function drain(
  site: StoreSite,
  id: string,
  { to = site.stores.byDefault.id }: { to?: string },
): Promise<void> {
  const source = requireStore(site.stores, id)
  if (source.isDefault) {
    throw new ConfigError(
      `Store "${id}" is the default one, into which images are uploaded: make another one the default first`,
    )
  }
  const target = requireWritable(site.stores, to)
  if (target === source) throw new ConfigError(`--to: got "${to}", wanted another store`)
  const { found: damage } = await openDamage(site.registry)
  const sweeper = createSweeper({
    registry: site.registry,
    stores: sweptStore(source),
    damage,
  })
  const copier = createSiteCopier(site, true)
  await copier.recover()
  const move = createMove(site, { source, target, sweeper, copier })
  for (const image of imagesOf(await copiesIn(site.registry, id))) {
    try {
      print(lineOf(image, await move(image)))
    } catch (error) {
      if (site.signal.aborted) throw error
      printError(failureOf(image.id, error))
    }
  }
  await clean(site, sweeper)
  await conclude(site, source)
}

interface DrainedImage {
  id: string
  name: string | null
  size: number
  copies: HeldCopy[]
}

/** The images whose copy can be read; what is to become of the others is told in the end. */
function imagesOf(held: HeldCopy[]): DrainedImage[] {
  const images = new Map<string, DrainedImage>()
  for (const copy of held) {
    if (copy.status !== 'active') continue
    const { imageId: id, name, size } = copy
    const image = images.get(id) ?? { id, name, size, copies: [] }
    image.copies.push(copy)
    images.set(id, image)
  }
  return [...images.values()]
}

/** Moves an image, and says what was done. Nothing is removed before there is another copy. */
function createMove(site: StoreSite, drain: Drain): (image: DrainedImage) => Promise<string> {
  const { registry, stores, manifests, signal } = site
  const { source, target, sweeper, copier } = drain
  const images = createImageRepo(registry)
  const bar = createProgress()

  async function secure({ id, size }: DrainedImage): Promise<string | null> {
    if (await isWholeElsewhere(site, id, source)) return 'removed, since another copy is whole'
    const startedAt = performance.now()
    const progress = (done: number) =>
      bar.show(done, size, `${id}  ${transferText({ done, total: size, before: 0, startedAt })}`)
    const end = await copier.copy(id, target, { prefer: [source.id], signal, progress })
    bar.end()
    if (end === 'there') throw unsound(id, target)
    return end === 'copied' ? `moved to store "${target.id}"` : null
  }

  return async (image) => {
    const { id, copies } = image
    await refuseInUse(
      stores,
      id,
      copies.map(({ url }) => ({ store: source.id, url })),
    )
    const done = await secure(image)
    if (done === null || !(await images.removeCopies(id, source.id, Date.now()))) {
      return 'was deleted meanwhile'
    }
    for (const { blob, url } of copies) {
      const manifest = blob === null || url !== null ? null : await manifests.find(blob)
      const digests = manifest?.chunks.filter((digest) => digest !== null) ?? []
      await sweeper.discard(source.id, digests)
    }
    return done
  }
}

/** Whether all bytes of another copy are what they should be. One that cannot be read counts as none. */
async function isWholeElsewhere(
  { registry, stores, manifests, digester, signal }: StoreSite,
  imageId: string,
  source: Store,
): Promise<boolean> {
  for (const { store: id, url, blob } of await copiesElsewhere(registry, imageId, source.id)) {
    const [store, manifest] = [stores.find(id), await manifests.find(blob)]
    if (!store || !manifest) continue
    try {
      const flaws = await verifyCopy(digester, { store, url, manifest }, { signal })
      if (flaws.length === 0) return true
    } catch (error) {
      if (signal.aborted) throw error
    }
  }
  return false
}

function unsound(imageId: string, { id }: Store): HeliostatError {
  return new HeliostatError(
    'conflict',
    `Image ${imageId} stays: its copy in store "${id}" is not whole. First: heliostat store verify ${id} --repair`,
  )
}

/** Removes what nothing needs any more. */
async function clean({ config, looseObjects }: StoreSite, sweeper: Sweeper): Promise<void> {
  try {
    await looseObjects.remove()
    await sweeper.sweep(config.heliostat.sweep_grace * 1000)
  } catch (error) {
    printError(`Not everything could be removed that nothing needs: ${failureOf('', error)}`)
  }
}

const WHY_LEFT = {
  active: 'could not be moved',
  saving: 'are being written at this moment',
  staged: 'wait for their import: ask for it, or delete them',
  pending_delete:
    'are deleted and can still be restored: bring them back by heliostat db restore, or have them deleted for good by heliostat db scrub',
} as const

async function conclude({ registry }: StoreSite, { id }: Store): Promise<void> {
  const left = await copiesIn(registry, id)
  const loose = await looseObjectsIn(registry, id)
  for (const status of ['active', 'saving', 'staged', 'pending_delete'] as const) {
    const images = new Set(
      left.filter((copy) => copy.status === status).map((copy) => copy.imageId),
    )
    if (images.size > 0) print(`${[...images].join(', ')} ${WHY_LEFT[status]}`)
  }
  if (loose.length > 0) print(`${loose.length} objects in it are still to be deleted`)
  if (left.length + loose.length > 0) {
    printError(
      `Store "${id}" must stay in the configuration until that is done: then drain it again`,
    )
    process.exitCode = 1
    return
  }
  print(`No image lies in store "${id}" any more: it may be taken out of the configuration`)
}
