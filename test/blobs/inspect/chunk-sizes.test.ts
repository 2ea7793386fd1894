import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createStreamInspector } from '../../../src/blobs/inspect/stream.ts'
import { HeliostatError } from '../../../src/errors.ts'
import { FILE_SYSTEMS } from './file-systems.ts'
import {
  dynamicVhd,
  GIB,
  isoHeader,
  luksHeader,
  PROTECTIVE,
  qcow2Header,
  TO_THE_END,
  vdiHeader,
  vhdHeader,
  vhdxHeader,
  vmdkDescriptor,
  vmdkHeader,
  vmdkTail,
  withPartitions,
} from './headers.ts'

const MIB = 1024 * 1024
const CHUNK_SIZES = [1, 2, 4, 8, 16, 32, 64]
/** More than one chunk of most sizes, and no multiple of any. */
const SIZE = 9 * MIB + 512

/** An image of that size which begins, and may end, with these bytes. */
function image(head: Uint8Array, tail: Uint8Array = new Uint8Array()): Uint8Array {
  const bytes = new Uint8Array(SIZE)
  bytes.set(head)
  bytes.set(tail, SIZE - tail.length)
  return bytes
}

const footer = { grainDirectory: TO_THE_END }
const vhdxAt = (mebibytes: number, options: Parameters<typeof vhdxHeader>[0] = {}) =>
  image(
    vhdxHeader({ metadataAt: BigInt(Math.round(mebibytes * MIB)), length: 8 * MIB, ...options }),
  )

/** The size that is found, or the sentence with which it is refused. */
const IMAGES: [string, string, Uint8Array, number | RegExp][] = [
  ['raw', 'raw', image(new Uint8Array()), SIZE],
  ['raw, a FAT', 'raw', image(FILE_SYSTEMS['FAT16 of mkfs.vfat'] ?? new Uint8Array()), SIZE],
  ['raw, a GPT', 'raw', image(withPartitions([PROTECTIVE])), SIZE],
  ['raw, a LUKS', 'raw', image(luksHeader()), SIZE],
  ['raw, a fixed VHD', 'raw', image(new Uint8Array(), vhdHeader(BigInt(GIB), 2)), SIZE],
  ['qcow2', 'qcow2', image(qcow2Header()), GIB],
  [
    'qcow2 with a data file named within its first cluster of 2 MiB',
    'qcow2',
    image(qcow2Header({ clusterBits: 21, extensions: [[0x44415441, 8]] })),
    /external data file/,
  ],
  [
    'qcow2 with extensions that go on behind the first MiB',
    'qcow2',
    image(qcow2Header({ clusterBits: 21, extensions: [[1, MIB + 600 * 1024]] })),
    /cut short/,
  ],
  ['iso', 'iso', image(isoHeader()), 2_048_000],
  ['iso, bootable', 'iso', image(withPartitions([PROTECTIVE], isoHeader())), 2_048_000],
  ['vdi', 'vdi', image(vdiHeader()), GIB],
  ['vmdk', 'vmdk', image(vmdkHeader()), GIB],
  ['vmdk with a footer', 'vmdk', image(vmdkHeader(footer), vmdkTail()), GIB],
  [
    'vmdk with a wrong footer',
    'vmdk',
    image(vmdkHeader(footer), vmdkTail({ marker: 2 })),
    /marker/,
  ],
  [
    'vmdk with a descriptor of 2 MiB',
    'vmdk',
    image(vmdkHeader({ descriptorSectors: 4096n })),
    /no descriptor/,
  ],
  [
    'vmdk with an extent elsewhere',
    'vmdk',
    image(vmdkHeader({ descriptor: vmdkDescriptor({ extent: 'RW 1 FLAT "/etc/passwd" 0' }) })),
    /in another file|names a path/,
  ],
  ['vhd', 'vhd', image(dynamicVhd()), GIB],
  ['vhd, its second header behind', 'vhd', image(dynamicVhd({ at: 3 * MIB })), GIB],
  [
    'vhd with a parent named behind',
    'vhd',
    image(dynamicVhd({ at: 3 * MIB, parentName: 'base.vhd' })),
    /parent/,
  ],
  [
    'vhd with a parent named across two chunks',
    'vhd',
    image(dynamicVhd({ at: MIB - 60, parentName: 'base.vhd' })),
    /parent/,
  ],
  [
    'vhd with a parent, by its footer',
    'raw',
    image(new Uint8Array(), vhdHeader(BigInt(GIB), 4)),
    /parent/,
  ],
  ['vhdx', 'vhdx', vhdxAt(0.25), GIB],
  ['vhdx with metadata at 1 MiB', 'vhdx', vhdxAt(1), GIB],
  ['vhdx with metadata across two chunks', 'vhdx', vhdxAt(1.97), GIB],
  ['vhdx with metadata at 2 MiB, as Hyper-V and qemu write them', 'vhdx', vhdxAt(2), GIB],
  ['vhdx with metadata at 6.5 MiB', 'vhdx', vhdxAt(6.5), GIB],
  ['vhdx with metadata nowhere', 'vhdx', vhdxAt(1024), /metadata are missing/],
  ['vhdx with a parent', 'vhdx', vhdxAt(6.5, { hasParent: true }), /parent/],
]

function outcome(bytes: Uint8Array, diskFormat: string, chunk: number): number | string | null {
  const inspector = createStreamInspector({
    diskFormat,
    containerFormat: 'bare',
    enforceMatch: true,
    mayBeEmpty: false,
    nonfatal: [],
  })
  try {
    for (let at = 0; at < bytes.length; at += chunk) inspector.take(bytes.subarray(at, at + chunk))
    return inspector.finish(bytes.length)
  } catch (error) {
    if (error instanceof HeliostatError) return error.message
    throw error
  }
}

describe('what an inspection finds', () => {
  it('is the same for chunks of any size', () => {
    for (const [name, diskFormat, bytes, wanted] of IMAGES) {
      for (const mebibytes of CHUNK_SIZES) {
        const found = outcome(bytes, diskFormat, mebibytes * MIB)
        const where = `${name}, in chunks of ${mebibytes} MiB`
        if (typeof wanted === 'number') assert.equal(found, wanted, where)
        else assert.match(String(found), wanted, where)
      }
    }
  })
})
