import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ATTACKS } from '../../blobs/inspect/attacks.ts'
import {
  cowDiskHeader,
  dynamicVhd,
  isoHeader,
  latin1,
  luksHeader,
  PROTECTIVE,
  qcow2Header,
  qedHeader,
  TO_THE_END,
  vdiHeader,
  vhdHeader,
  vhdxHeader,
  vmdkDescriptor,
  vmdkHeader,
  vmdkTail,
  withPartitions,
} from '../../blobs/inspect/headers.ts'
import {
  GNU,
  longName,
  type Member,
  NO_MAGIC,
  OVF,
  pax,
  tar,
  together,
} from '../../blobs/inspect/tars.ts'
import type { Family } from './families.ts'
import { mutate } from './mutations.ts'
import { outcomeOf } from './outcome.ts'
import { createImage } from './qemu-img.ts'
import type { Random } from './random.ts'

/** Good files and hostile ones to begin with, the same for the same numbers. */
export interface Corpus {
  disk: (random: Random) => Uint8Array
  ova: (random: Random) => Uint8Array
}

const GOOD: readonly Uint8Array[] = [
  qcow2Header(),
  qcow2Header({ version: 2 }),
  vmdkHeader(),
  together([vmdkHeader({ grainDirectory: TO_THE_END }), vmdkTail()]),
  cowDiskHeader(),
  latin1(vmdkDescriptor()),
  vhdHeader(),
  dynamicVhd(),
  vhdxHeader(),
  vhdxHeader({ metadataAt: 0x200000n, length: 0x300000 }),
  vdiHeader(),
  isoHeader(),
  withPartitions([PROTECTIVE]),
  withPartitions([PROTECTIVE], isoHeader()),
  luksHeader(),
  qedHeader(),
  new Uint8Array(4096),
]

const RAW = { diskFormat: 'raw', containerFormat: 'bare' }

/** What qemu-img makes that leads to a file which is there. */
const LEADING: readonly string[][] = [
  ['-f', 'qcow2', '-b', 'secret.raw', '-F', 'raw'],
  ['-f', 'qcow2', '-o', 'compat=0.10', '-b', 'secret.raw', '-F', 'raw'],
  ['-f', 'qcow2', '-o', 'data_file=secret.data,data_file_raw=on'],
  ['-f', 'qed', '-b', 'secret.raw', '-F', 'raw'],
  ['-f', 'vmdk', '-b', 'secret.vmdk', '-F', 'vmdk'],
  ['-f', 'vmdk', '-o', 'subformat=monolithicFlat'],
]

/** `folder` is that of the families, with the files that images lead to. */
export async function createCorpus(
  folder: string,
  families: Record<string, Family>,
): Promise<Corpus> {
  const leading = await Promise.all(LEADING.map((args, index) => made(folder, args, index)))
  const ready = [...GOOD, ...Object.values(ATTACKS), ...leading, ...leading]
  const grammars = Object.values(families)
  const disk = (random: Random): Uint8Array =>
    random.chance(0.5) ? random.pick(ready) : random.pick(grammars).make(random)
  // One hostile member of several would be enough to have the whole refused.
  const taken = GOOD.filter((bytes) => outcomeOf(bytes, RAW) === null)
  const member = (random: Random): Uint8Array => {
    if (random.chance(0.7)) return random.pick(taken)
    return mutate(disk(random), random.pick(GOOD), random)
  }
  return { disk, ova: (random) => makeOva(member, random) }
}

async function made(folder: string, args: string[], index: number): Promise<Uint8Array> {
  const path = join(folder, `secret-${index}`)
  await createImage(path, ['create', '-q', ...args, path, '1M'])
  return Uint8Array.from(await readFile(path))
}

const NAMES = ['disk.vmdk', 'disk.qcow2', 'disk.vdi', 'disk.vhd', 'disk.vhdx', 'disk.img', 'disk']
const ODD_NAMES = [
  '/tmp/a',
  '../a',
  'a/../../b',
  'a/',
  './disk.vmdk',
  'QFI\xfb',
  '#',
  'KDMV',
  'a\\b',
  '',
]
const TYPES = ['1', '2', '3', '5', '6', '7', 'S', 'K', 'g', '\0', 'Z']
const SIZES = [0, 1, 511, 512, 513, 65_536, 8 ** 11 - 1]
/** Members are cut to this, mostly, so that there are many. */
const SHORT = 128 * 1024

function makeOva(disk: Corpus['disk'], random: Random): Uint8Array {
  const count = 1 + random.below(3)
  const members = Array.from({ length: count }, () => makeMember(disk, random)).flat()
  const all = random.chance(0.8) ? [OVF, ...members] : members
  const whole = tar(all, random.pick([0, 512, 1024, 1024, 10_240]))
  return random.chance(0.05) ? together([whole, tar([makeFile(disk, random)])]) : whole
}

function makeMember(disk: Corpus['disk'], random: Random): Member[] {
  const file = makeFile(disk, random)
  const odd = { ...file, ...oddity(random) }
  const member = random.chance(0.15) ? odd : file
  const name = random.chance(0.9) ? random.pick(NAMES) : random.pick(ODD_NAMES)
  if (random.chance(0.1)) return [longName(name), member]
  if (random.chance(0.1)) return [pax({ path: name }), member]
  const size = random.chance(0.5) ? (file.content?.length ?? 0) : random.pick(SIZES)
  return random.chance(0.1) ? [pax({ size: String(size) }), member] : [member]
}

function makeFile(disk: Corpus['disk'], random: Random): Member {
  const content = disk(random)
  return {
    name: random.pick(NAMES),
    content: random.chance(0.9) ? content.subarray(0, SHORT) : content,
    magic: random.pick(['ustar\x0000', 'ustar\x0000', GNU, NO_MAGIC]),
  }
}

function oddity(random: Random): Partial<Member> {
  return random.pick<Partial<Member>>([
    { name: random.pick(ODD_NAMES) },
    { type: random.pick(TYPES), link: random.pick(['/etc/passwd', '..', 'disk.vmdk']) },
    { size: random.pick(SIZES) },
    { prefix: random.pick(['..', '/', 'a']) },
    { checksum: 1 },
  ])
}
