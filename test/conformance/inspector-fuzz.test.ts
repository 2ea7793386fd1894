/** Files of every format, good and hostile, with bits flipped, ends cut, parts of others, fields at their limits. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { formatOfName } from '../../src/blobs/inspect/tar-member.ts'
import { temporaryFolder } from '../support/site.ts'
import { type Corpus, createCorpus } from './inspector/corpus.ts'
import { createFamilies } from './inspector/families.ts'
import { mutate, withChecksums } from './inspector/mutations.ts'
import { type Declared, noisy, outcomeOf, outcomeOfReused } from './inspector/outcome.ts'
import { look } from './inspector/qemu-img.ts'
import { createRandom, type Random } from './inspector/random.ts'
import { unpack } from './inspector/unpacked.ts'

/** By hand: `FUZZ_SECONDS=240 node --import tsx --test test/conformance/inspector-fuzz.test.ts` */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 45)
/** With that of a failure the same files come again. */
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_000)

const MIB = 1024 * 1024
/** What qemu calls the disk formats that it opens. */
const QEMU_FORMATS: Readonly<Record<string, string>> = {
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vhd: 'vpc',
  vhdx: 'vhdx',
  vdi: 'vdi',
  raw: 'raw',
}
const DISK_FORMATS = [...Object.keys(QEMU_FORMATS), 'iso', 'ami', 'aki', 'ploop']
/** What is in no bare container is a vmdk or anything. */
const DECLARED: readonly Declared[] = [
  ...DISK_FORMATS.map((diskFormat) => ({ diskFormat, containerFormat: 'bare' })),
  ...['ova', 'docker'].flatMap((containerFormat) =>
    ['raw', 'vmdk'].map((diskFormat) => ({ diskFormat, containerFormat })),
  ),
]

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let corpus: Corpus
before(async () => {
  folder = await temporaryFolder()
  corpus = await createCorpus(folder.path, await createFamilies(folder.path))
})
after(() => folder.remove())

interface Candidate {
  kind: keyof Corpus
  index: number
  random: Random
  bytes: Uint8Array
}

interface Tally {
  next: number
  accepted: number
  opened: number
  unpacked: number
}

function candidateOf(kind: keyof Corpus, index: number): Candidate {
  const random = createRandom(SEED * 1_000_003 + index + (kind === 'ova' ? 500_000_009 : 0))
  const other = random.chance(0.5) ? corpus.disk(random) : corpus.ova(random)
  // What an ova is made of has been mutated before.
  const isMutated = kind === 'disk' || random.chance(0.6)
  const made = corpus[kind](random)
  const mutated = isMutated ? mutate(made, other, random) : made
  const bytes = kind === 'ova' && random.chance(0.9) ? withChecksums(mutated) : mutated
  return { kind, index, random, bytes }
}

/** As what it is taken; that nothing but a refusal is thrown, and nothing read that should not be, is seen here. */
function acceptedAs({ bytes, random }: Candidate): Declared[] {
  const accepted = DECLARED.filter((declared) => outcomeOf(bytes, declared) === null)
  const [sampled, chunk] = [random.pick(DECLARED), random.pick([MIB, MIB + 1, 2 * MIB, 64 * MIB])]
  const said = outcomeOf(bytes, sampled)
  const name = `${sampled.diskFormat} in ${sampled.containerFormat}`
  const reused = outcomeOfReused(bytes, sampled, chunk)
  assert.equal(reused, said, `${name}: kept hold of a chunk of ${chunk} bytes`)
  // An ova has members wherever its headers say.
  if (bytes.length > MIB && sampled.containerFormat !== 'ova') {
    assert.equal(outcomeOf(noisy(bytes), sampled), said, `${name}: read too much`)
  }
  return accepted
}

/** Probed, and told the format as which it was taken. Most other formats are forced only now and then. */
async function assertLeadsNowhere(path: string, formats: (string | undefined)[], tally: Tally) {
  const opened = new Set<string | null>([null, ...formats.filter((format) => format !== undefined)])
  for (const format of opened) {
    const { references } = await look(path, format)
    tally.opened++
    assert.deepEqual(references, [], `${format ?? 'probed'}: qemu-img is led to another file`)
  }
}

function formatsToForce(accepted: Declared[], { random, index }: Candidate) {
  const names = accepted.flatMap(({ diskFormat }) => QEMU_FORMATS[diskFormat] ?? [])
  const formats = [...new Set(names)]
  return index % 4 === 0 || formats.length === 0 ? formats : [random.pick(formats)]
}

/** As an ova it is taken apart, and each disk opened as its name says. */
async function assertUnpacks(path: string, asVmdk: boolean, tally: Tally): Promise<void> {
  const { files, offences } = await unpack(path, `${path}.unpacked`)
  tally.unpacked++
  assert.deepEqual(offences, [], 'tar is led out of the folder')
  for (const file of files) {
    const formats = [QEMU_FORMATS[formatOfName(file) ?? ''], asVmdk ? 'vmdk' : undefined]
    await assertLeadsNowhere(file, formats, tally)
  }
}

async function tryOne(candidate: Candidate, tally: Tally): Promise<void> {
  const accepted = acceptedAs(candidate)
  if (accepted.length === 0) return
  tally.accepted++
  const path = join(folder.path, `${candidate.kind}-${candidate.index}`)
  await writeFile(path, candidate.bytes)
  if (candidate.kind === 'disk' || candidate.index % 8 === 0) {
    await assertLeadsNowhere(path, formatsToForce(accepted, candidate), tally)
  }
  const ovas = accepted.filter(({ containerFormat }) => containerFormat === 'ova')
  if (candidate.kind === 'ova' && ovas.length > 0) {
    const asVmdk = ovas.some(({ diskFormat }) => diskFormat === 'vmdk')
    await assertUnpacks(path, asVmdk && candidate.index % 4 === 0, tally)
  }
  await Promise.all(
    [path, `${path}.unpacked`].map((left) => rm(left, { recursive: true, force: true })),
  )
}

async function keep({ kind, index, bytes }: Candidate, error: unknown): Promise<never> {
  const kept = await mkdtemp(join(tmpdir(), `inspector-fuzz-${SEED}-`))
  const path = join(kept, `${kind}-${index}`)
  await writeFile(path, bytes)
  throw new Error(`FUZZ_SEED=${SEED}, ${kind} ${index}. The file is "${path}"`, { cause: error })
}

async function fuzz(t: TestContext, kind: keyof Corpus): Promise<void> {
  const tally: Tally = { next: 0, accepted: 0, opened: 0, unpacked: 0 }
  const end = Date.now() + (SECONDS * 1000) / 2
  let failed = false
  const work = async (): Promise<void> => {
    while (Date.now() < end && !failed) {
      const candidate = candidateOf(kind, tally.next++)
      try {
        await tryOne(candidate, tally)
      } catch (error) {
        failed = true
        await keep(candidate, error)
      }
    }
  }
  const works = await Promise.allSettled(Array.from({ length: availableParallelism() + 1 }, work))
  t.diagnostic(
    `FUZZ_SEED=${SEED}, ${kind}: ${tally.next} files, ${tally.accepted} taken as something, ${tally.unpacked} unpacked, ${tally.opened} times opened by qemu-img`,
  )
  const failure = works.find((ended) => ended.status === 'rejected')
  if (failure !== undefined) throw failure.reason
  // Otherwise the mutations would show nothing.
  assert.ok(tally.accepted > tally.next / 50, `only ${tally.accepted} of ${tally.next} were taken`)
}

describe('no mutated file gets past the inspector that leads a reader elsewhere', () => {
  it('a disk', (t) => fuzz(t, 'disk'))
  it('an ova', (t) => fuzz(t, 'ova'))
})
