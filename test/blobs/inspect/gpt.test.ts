import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { inspectDiskImage } from '../../../src/blobs/inspect/inspect.ts'
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

  it('takes a FAT boot sector for raw', () => {
    const head = withPartitions([])
    head[0x10] = 2
    head[0x15] = 0xf8
    assert.equal(inspectDiskImage(head).format, 'raw')
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
    const sentence = 'The protective partition does not start at the GPT header'
    assert.equal(unsafe(withPartitions([{ type: 0xee, startSector: 2 }])), sentence)
    assert.equal(unsafe(withPartitions([{ type: 0xee, startCylinder: 1 }])), sentence)
  })

  it('refuses partitions beside the protective one', () => {
    const sentence = 'The partition table has partitions beside the protective one'
    assert.equal(unsafe(withPartitions([PROTECTIVE, LINUX])), sentence)
    assert.equal(unsafe(withPartitions([{ type: 0 }, PROTECTIVE])), sentence)
  })
})
