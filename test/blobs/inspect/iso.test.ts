import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { inspectDiskImage } from '../../../src/blobs/inspect/inspect.ts'
import { isoHeader, PROTECTIVE, qcow2Header, withPartitions } from './headers.ts'

describe('iso inspection', () => {
  it('multiplies blocks and block size', () => {
    assert.deepEqual(inspectDiskImage(isoHeader()), {
      format: 'iso',
      alsoMatches: [],
      virtualSize: 2_048_000,
      unsafe: null,
    })
  })

  it('recognises udf', () => {
    assert.equal(inspectDiskImage(isoHeader({ identifier: 'NSR02' })).format, 'iso')
    assert.equal(inspectDiskImage(isoHeader({ identifier: 'NSR03' })).format, 'iso')
  })

  it('does not know the size without a primary volume descriptor', () => {
    assert.equal(inspectDiskImage(isoHeader({ type: 0 })).virtualSize, null)
  })

  it('does not know the size when the descriptor is cut short', () => {
    const inspection = inspectDiskImage(isoHeader().subarray(0, 32_800))
    assert.equal(inspection.format, 'iso')
    assert.equal(inspection.virtualSize, null)
  })
})

describe('iso together with another format', () => {
  it('counts as an iso when it can boot from a disk', () => {
    const inspection = inspectDiskImage(withPartitions([PROTECTIVE], isoHeader()))
    assert.equal(inspection.format, 'iso')
    assert.deepEqual(inspection.alsoMatches, ['gpt'])
    assert.equal(inspection.unsafe, null)
  })

  it('is safe even when the partition table in front of it would not be', () => {
    const hybrid = withPartitions([{ type: 0xee, startSector: 7 }, { type: 0x17 }], isoHeader())
    assert.equal(inspectDiskImage(hybrid).unsafe, null)
  })

  it('is refused with a qcow2 header in front', () => {
    const head = isoHeader()
    head.set(qcow2Header())
    assert.deepEqual(inspectDiskImage(head), {
      format: 'qcow2',
      alsoMatches: ['iso'],
      virtualSize: 1024 ** 3,
      unsafe: 'The image is both qcow2 and iso',
    })
  })

  it('is refused when three formats match', () => {
    const head = isoHeader()
    head.set(withPartitions([PROTECTIVE], qcow2Header()))
    assert.equal(inspectDiskImage(head).unsafe, 'The image is both qcow2 and iso and gpt')
  })
})
