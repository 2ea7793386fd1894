import { hasDigest } from '../blobs/digest.ts'
import type { Manifest } from '../blobs/manifest.ts'
import { HeliostatError } from '../errors.ts'
import type { HeldCopy } from '../images/locations/held.ts'
import { createImageRepo } from '../images/repo.ts'
import { createSiteCopier } from '../runtime/site-copier.ts'
import type { Copies } from '../stores/copies.ts'
import { refuseInUse } from '../stores/in-use.ts'
import { isReadOnly, type Store } from '../stores/store.ts'
import type { Flaw } from '../stores/verifying.ts'
import type { StoreSite } from './store-site.ts'

interface FlawedCopy {
  held: HeldCopy
  flaws: Flaw[]
}

/** Puts what is damaged or missing of a copy again, from another store. Throws where no other one has it whole. */
export async function repairCopy(
  site: StoreSite,
  store: Store,
  { held, flaws }: FlawedCopy,
): Promise<void> {
  const manifest = held.blob === null ? null : await site.manifests.find(held.blob)
  if (!manifest) throw new HeliostatError('conflict', 'its manifest is damaged in the registry')
  if (isReadOnly(store))
    throw new HeliostatError('conflict', `store "${store.id}" is only read from`)
  const elsewhere = site.copiesWithout(store)
  if (held.url === null) await putAgain(site, store, { manifest, flaws, elsewhere })
  else await replaceObject(site, store, { held, manifest, elsewhere })
}

async function putAgain(
  site: StoreSite,
  { chunks }: Store,
  { manifest, flaws, elsewhere }: { manifest: Manifest; flaws: Flaw[]; elsewhere: Copies },
): Promise<void> {
  if (!chunks) throw new HeliostatError('conflict', 'its store has no chunks')
  await site.digester.memory.lend(manifest.chunkSize, async (memory) => {
    for (const { digest, position } of flaws) {
      if (digest === null) continue
      const wanted = { manifest, position, digest, memory }
      const bytes = await readElsewhere(site, elsewhere, wanted)
      // Some stores leave alone what is there by its length.
      await chunks.store.delete(digest)
      await chunks.store.put(digest, bytes)
    }
  })
}

/** An object is never changed: it is written anew, once all of it is known to be whole elsewhere. */
async function replaceObject(
  site: StoreSite,
  store: Store,
  { held, manifest, elsewhere }: { held: HeldCopy; manifest: Manifest; elsewhere: Copies },
): Promise<void> {
  const { registry, stores, looseObjects, signal } = site
  const { imageId, url } = held
  await site.digester.memory.lend(manifest.chunkSize, async (memory) => {
    for (const [position, digest] of manifest.chunks.entries()) {
      if (digest === null) continue
      await readElsewhere(site, elsewhere, { manifest, position, digest, memory })
    }
  })
  await refuseInUse(stores, imageId, [{ store: store.id, url }])
  if (!(await createImageRepo(registry).removeCopies(imageId, store.id, Date.now()))) {
    throw new HeliostatError('conflict', 'it has no copy in another store')
  }
  await looseObjects.remove()
  await createSiteCopier(site, true).copy(imageId, store, { signal })
}

interface WantedChunk {
  manifest: Manifest
  position: number
  digest: string
  memory: Uint8Array
}

async function readElsewhere(
  { digester, signal }: StoreSite,
  elsewhere: Copies,
  { manifest: { size, chunkSize }, position, digest, memory }: WantedChunk,
): Promise<Uint8Array> {
  signal.throwIfAborted()
  const length = Math.min(chunkSize, size - position * chunkSize)
  const isWhole = hasDigest(digester, digest)
  const bytes = await elsewhere.chunk(digest, memory.subarray(0, length), { isWhole })
  if (bytes) return bytes
  throw new HeliostatError('conflict', `chunk ${digest} is whole in no other store`)
}
