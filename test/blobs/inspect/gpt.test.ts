import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { inspectDiskImage } from '../../../src/blobs/inspect/inspect.ts'
import { FILE_SYSTEMS } from './file-systems.ts'
import { PROTECTIVE, withPartitions } from './headers.ts'

const LINUX = { type: 0x83 }
const unsafe = (head: Uint8Array) => inspectDiskImage(head).unsafe

describe('gpt inspection', () => {
  it('recognises a protective partition table', () => {
    assert.deepEqual(inspectDiskImage(withPartitions([PROTECTIVE])), {
      format: 'gpt',
      alsoMatches: [],
      virtualSize: null,
      unsafe: null,
    })
  })

  it('recognises a plain partition table', () => {
    const head = withPartitions([{ boot: 0x80, type: 0x83, startSector: 2048 }, LINUX])
    assert.equal(inspectDiskImage(head).format, 'gpt')
    assert.equal(unsafe(head), null)
  })

  it('refuses an invalid boot flag', () => {
    assert.equal(
      unsafe(withPartitions([{ boot: 0x12, type: 0x83 }])),
      'The partition table has an invalid boot flag',
    )
  })

  it('refuses a table without partitions', () => {
    assert.equal(unsafe(withPartitions([])), 'The partition table has no partitions')
  })

  it('refuses a protective partition that starts elsewhere', () => {
    assert.equal(
      unsafe(withPartitions([{ type: 0xee, startSector: 2 }])),
      'The protective partition starts at sector 2, wanted 1, the GPT header',
    )
  })

  it('refuses a protective partition with another start in cylinders, heads and sectors', () => {
    assert.equal(
      unsafe(withPartitions([{ type: 0xee, chs: [0, 1, 0] }])),
      'The protective partition starts at CHS 0,1,0, wanted 0,2,0',
    )
    assert.match(String(unsafe(withPartitions([{ type: 0xee, chs: [0, 2, 1] }]))), /CHS 0,2,1,/)
  })

  it('refuses partitions beside the protective one', () => {
    const sentence = 'The partition table has partitions beside the protective one'
    assert.equal(unsafe(withPartitions([PROTECTIVE, LINUX])), sentence)
    assert.equal(unsafe(withPartitions([{ type: 0 }, PROTECTIVE])), sentence)
  })
})

describe('a file system without a partition table', () => {
  it('is raw, although its first sector ends as a partition table does', () => {
    const raw = { format: 'raw', alsoMatches: [], virtualSize: null, unsafe: null }
    for (const [name, head] of Object.entries(FILE_SYSTEMS)) {
      assert.deepEqual(inspectDiskImage(head), raw, name)
    }
  })

  it('is not what a boot sector with other values has', () => {
    for (const [offset, value] of [
      [0x0b, 1],
      [0x0d, 3],
      [0x0d, 0],
      [0x0e, 0],
      [0x10, 0],
      [0x15, 0x80],
    ] as const) {
      const head = Uint8Array.from(FILE_SYSTEMS['FAT16 of mkfs.vfat'] ?? [])
      head[offset] = value
      assert.equal(inspectDiskImage(head).format, 'gpt', `${value} at ${offset}`)
    }
  })
})

describe('checks of a GPT that are not fatal', () => {
  const hybrid = withPartitions([PROTECTIVE, LINUX])
  const oldStart = withPartitions([{ type: 0xee, chs: [0, 1, 0] }])
  const empty = withPartitions([])
  const invalidFlag = withPartitions([{ boot: 0x12, type: 0x83 }, PROTECTIVE])
  const unsafeWith = (head: Uint8Array, nonfatal: string[]) =>
    inspectDiskImage(head, nonfatal).unsafe

  it('are all of them by the name of mbr', () => {
    for (const head of [hybrid, oldStart, empty, invalidFlag]) {
      assert.notEqual(unsafeWith(head, []), null)
      assert.equal(unsafeWith(head, ['mbr']), null)
    }
  })

  it('are those of the protective partition by the name of gptmbr', () => {
    assert.equal(unsafeWith(hybrid, ['gptmbr']), null)
    assert.equal(unsafeWith(oldStart, ['gptmbr']), null)
    assert.match(String(unsafeWith(empty, ['gptmbr'])), /no partitions/)
    assert.match(String(unsafeWith(invalidFlag, ['gptmbr'])), /invalid boot flag/)
  })

  it('are none by any other name', () => {
    assert.match(String(unsafeWith(hybrid, ['gpt'])), /beside the protective one/)
  })
})
