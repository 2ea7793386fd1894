import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFile, open, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { temporaryFolder } from '../support/site.ts'
import { createFamilies, type Family } from './inspector/families.ts'
import { type Look, look, showsSecret } from './inspector/qemu-img.ts'
import { createRandom } from './inspector/random.ts'
import { refusalOf } from './inspector/refusal.ts'

/** For each family. By hand: `MUTATIONS=20000 node --import tsx --test test/conformance/inspector-qemu.test.ts` */
const MUTATIONS = Number(process.env.MUTATIONS ?? 2000)
/** With that of a failure the same images come again. */
const SEED = Number(process.env.SEED ?? 8)

/** Of the refused ones that are different, so many are not looked at for one that is. */
const REFUSED_PER_SAMPLE = Math.ceil(MUTATIONS / 100)
const LARGEST_CONVERTED = 16 * 1024 * 1024
/** What is not written when it is zeros. */
const BLOCK = Buffer.alloc(64 * 1024)
const CONTAINER_FORMATS = ['bare', 'docker'] as const

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let families: Record<string, Family>
before(async () => {
  folder = await temporaryFolder()
  families = await createFamilies(folder.path)
})
after(() => folder.remove())

/** As what the bytes are taken. Also what is no disk of its format: only what is dangerous is refused here. */
function acceptedFormats(bytes: Uint8Array, family: Family): string[] {
  return [...new Set([family.diskFormat, 'vmdk', 'raw', 'aki'])].filter((diskFormat) =>
    CONTAINER_FORMATS.some(
      (containerFormat) =>
        refusalOf(bytes, { diskFormat, containerFormat, enforceMatch: false }) === null,
    ),
  )
}

async function writeSparse(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w')
  for (let at = 0; at < bytes.length; at += BLOCK.length) {
    const block = bytes.subarray(at, at + BLOCK.length)
    if (BLOCK.compare(block, 0, block.length, 0, block.length) !== 0) {
      await file.write(block, 0, block.length, at)
    }
  }
  await file.truncate(bytes.length)
  await file.close()
}

interface Tally {
  accepted: number
  /** Different ones. */
  refused: number
  sampled: number
  followed: number
  calls: number
  /** Digests: some mutations come again. */
  seen: Set<string>
}

interface Candidate {
  name: string
  family: Family
  path: string
  index: number
}

async function lookAtAccepted(candidate: Candidate, accepted: string[], tally: Tally) {
  const probed = await lookOnce(candidate, null, tally)
  for (const format of formatsToForce(candidate, accepted)) {
    // Then it would be opened by the same code once more; some are, to be sure of that.
    if (probed.format === format && candidate.index % 4 > 0) continue
    const { format: opened, size } = await lookOnce(candidate, format, tally)
    const isRead = opened !== null && size <= LARGEST_CONVERTED && candidate.index % 8 === 0
    if (!isRead) continue
    tally.calls++
    if (await showsSecret(candidate.path, format)) await fail(candidate, `${format}: a secret`)
  }
}

async function lookOnce(candidate: Candidate, format: string | null, tally: Tally): Promise<Look> {
  const found = await look(candidate.path, format)
  tally.calls++
  if (found.references.length > 0) {
    await fail(candidate, `${format ?? 'probed'}: ${found.references.join()}`)
  }
  return found
}

/** What its owner says, and vmdk, which has no signature that it must begin with. */
function formatsToForce({ family, index }: Candidate, accepted: string[]): string[] {
  const own = accepted.includes(family.diskFormat) ? [family.qemuFormat] : []
  const isSampled = accepted.includes('vmdk') && index % 8 === 0
  return [...new Set([...own, ...(isSampled ? ['vmdk'] : [])])]
}

async function fail({ name, path, index }: Candidate, what: string): Promise<never> {
  const kept = join(tmpdir(), `inspector-${name}-${SEED}-${index}`)
  await copyFile(path, kept)
  return assert.fail(`SEED=${SEED}, ${name} ${index}, accepted: ${what}. The image is in "${kept}"`)
}

async function lookAtRefused({ family, path }: Candidate, tally: Tally): Promise<void> {
  const looks = [await look(path, null), await look(path, family.qemuFormat)]
  tally.calls += looks.length
  tally.sampled++
  if (looks.some(({ references }) => references.length > 0)) tally.followed++
}

async function tryOne(candidate: Omit<Candidate, 'path'>, tally: Tally): Promise<void> {
  const { name, family, index } = candidate
  const number = Object.keys(families).indexOf(name)
  const bytes = family.make(createRandom(SEED * 1_000_003 + number * 100_000_007 + index))
  const accepted = acceptedFormats(bytes, family)
  const digest = createHash('sha256').update(bytes).digest('hex')
  if (accepted.length > 0) tally.accepted++
  if (tally.seen.has(digest)) return
  tally.seen.add(digest)
  if (accepted.length === 0 && tally.refused++ % REFUSED_PER_SAMPLE > 0) return
  const path = join(folder.path, `${name}-${index}`)
  await writeSparse(path, bytes)
  if (accepted.length > 0) await lookAtAccepted({ ...candidate, path }, accepted, tally)
  else await lookAtRefused({ ...candidate, path }, tally)
  await Promise.all([rm(path), rm(`${path}.converted`, { force: true })])
}

async function tryFamily(t: TestContext, name: string): Promise<void> {
  const family = families[name]
  assert.ok(family)
  const started = Date.now()
  const tally: Tally = {
    accepted: 0,
    refused: 0,
    sampled: 0,
    followed: 0,
    calls: 0,
    seen: new Set(),
  }
  const workers = availableParallelism() + 1
  const work = async (first: number) => {
    for (let index = first; index < MUTATIONS; index += workers) {
      await tryOne({ name, family, index }, tally)
    }
  }
  await Promise.all(Array.from({ length: workers }, (_, first) => work(first)))
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  t.diagnostic(
    `${name}: ${MUTATIONS} mutations, ${tally.seen.size} of them different, ${tally.accepted} accepted, ${tally.followed} of ${tally.sampled} refused ones followed by qemu, ${tally.calls} calls, ${seconds} s`,
  )
  // Otherwise the mutations would show nothing.
  assert.ok(tally.accepted > MUTATIONS / 20, `only ${tally.accepted} of ${MUTATIONS} were accepted`)
  if (family.isFollowed) assert.ok(tally.followed > tally.sampled / 20, 'qemu followed too few')
}

describe('no image that is accepted leads qemu to another file', () => {
  it('qcow2', (t) => tryFamily(t, 'qcow2'))
  it('qcow', (t) => tryFamily(t, 'qcow'))
  it('qed', (t) => tryFamily(t, 'qed'))
  it('vmdk', (t) => tryFamily(t, 'vmdk'))
  it('vmdk of an ESX host', (t) => tryFamily(t, 'cowDisk'))
  it('vmdk descriptor', (t) => tryFamily(t, 'descriptor'))
  it('vhd', (t) => tryFamily(t, 'vhd'))
  it('vhdx', (t) => tryFamily(t, 'vhdx'))
  it('vdi', (t) => tryFamily(t, 'vdi'))
  it('mixtures of two formats', (t) => tryFamily(t, 'mixture'))
})
