import { copiesIn, type HeldCopy } from '../images/locations/held.ts'
import { type Flaw, type Verdict, verifyCopy } from '../stores/verifying.ts'
import type { Store } from '../stores/store.ts'
import { print, printError } from './print.ts'
import { createProgress, formatBytes, transferText } from './progress.ts'
import { failureOf } from './store-copy.ts'
import { repairCopy } from './store-repair.ts'
import { requireStore, type StoreSite } from './store-site.ts'

/** A chunk that is not what it should be, and the images that need it there. */
interface Fault {
  verdict: Flaw['verdict']
  images: Set<string>
}

interface Found {
  /** By digest. */
  faults: Map<string, Fault>
  /** The copies that have any. */
  flawed: { held: HeldCopy; flaws: Flaw[] }[]
  copies: number
  bytes: number
  unread: number
  /** Copies of which it cannot be told. */
  failed: string[]
}

/** `heliostat store verify`. Exit code 1 when bytes are lost that are not put again. */
export async function verify(
  site: StoreSite,
  id: string,
  { repair }: { repair?: true },
): Promise<void> {
  const store = requireStore(site.stores, id)
  const held = await copiesIn(site.registry, store.id)
  const found = await readAll(
    site,
    store,
    held.filter(({ status }) => status !== 'saving'),
  )
  for (const [digest, { verdict, images }] of found.faults) {
    print(`${verdict}  ${digest}  image ${[...images].join(', ')}`)
  }
  const lost = repair ? await repairAll(site, store, found) : found.flawed.length
  const count = (wanted: Flaw['verdict']) =>
    [...found.faults.values()].filter(({ verdict }) => verdict === wanted).length
  print(
    `Read ${found.copies} copies, ${formatBytes(found.bytes)}, in store "${id}": ` +
      `${count('damaged')} chunks damaged, ${count('missing')} missing`,
  )
  if (found.unread > 0) {
    print(
      `${found.unread} copies have not been read since they were registered, so nothing is known of them`,
    )
  }
  if (lost > 0 || found.failed.length > 0) process.exitCode = 1
}

async function readAll(site: StoreSite, store: Store, held: HeldCopy[]): Promise<Found> {
  const { manifests, digester, signal } = site
  const found: Found = { faults: new Map(), flawed: [], copies: 0, bytes: 0, unread: 0, failed: [] }
  const known = new Map<string, Verdict>()
  const total = held.reduce((sum, { size }) => sum + size, 0)
  const startedAt = performance.now()
  const bar = createProgress()
  const progress = (bytes: number) => {
    found.bytes += bytes
    const text = transferText({ done: found.bytes, total, before: 0, startedAt })
    bar.show(found.bytes, total, text)
  }
  for (const copy of held) {
    if (copy.blob === null) {
      found.unread++
      continue
    }
    const manifest = await manifests.find(copy.blob)
    if (!manifest) {
      fail(found, copy.imageId, `its manifest ${copy.blob} is damaged in the registry`)
      continue
    }
    const options = { known, signal, progress }
    const flaws = await verifyCopy(digester, { store, url: copy.url, manifest }, options)
    found.copies++
    if (flaws.length > 0) note(found, copy, flaws)
  }
  bar.end()
  return found
}

function fail(found: Found, imageId: string, why: string): void {
  printError(`Image ${imageId}: ${why}`)
  found.failed.push(imageId)
}

function note({ faults, flawed }: Found, held: HeldCopy, flaws: Flaw[]): void {
  flawed.push({ held, flaws })
  for (const { digest, verdict } of flaws) {
    const key = digest ?? 'zeros'
    const fault = faults.get(key) ?? { verdict, images: new Set() }
    fault.images.add(held.imageId)
    faults.set(key, fault)
  }
}

/** How many copies could not be repaired. */
async function repairAll(site: StoreSite, store: Store, { flawed }: Found): Promise<number> {
  let lost = 0
  for (const { held, flaws } of flawed) {
    try {
      await repairCopy(site, store, { held, flaws })
      print(`repaired  image ${held.imageId}`)
    } catch (error) {
      if (site.signal.aborted) throw error
      printError(failureOf(held.imageId, error))
      lost++
    }
  }
  return lost
}
