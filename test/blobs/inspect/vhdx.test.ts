import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { inspectDiskImage } from '../../../src/blobs/inspect/inspect.ts'
import { GIB, vhdxHeader } from './headers.ts'

const sizeOf = (head: Uint8Array) => inspectDiskImage(head).virtualSize

describe('vhdx inspection', () => {
  it('follows region and metadata tables to the virtual size', () => {
    assert.deepEqual(inspectDiskImage(vhdxHeader()), {
      format: 'vhdx',
      alsoMatches: [],
      virtualSize: GIB,
      unsafe: null,
    })
  })

  it('does not know the size when a table lacks the entry', () => {
    assert.equal(sizeOf(vhdxHeader({ regions: 1 })), null)
    assert.equal(sizeOf(vhdxHeader({ items: 1 })), null)
  })

  it('does not search a table that is larger than the format allows', () => {
    assert.equal(sizeOf(vhdxHeader({ regions: 2048 })), null)
    assert.equal(sizeOf(vhdxHeader({ regions: 0xffffffff })), null)
    assert.equal(sizeOf(vhdxHeader({ items: 2048 })), null)
  })

  it('does not know the size when an offset leads out of the head', () => {
    assert.equal(sizeOf(vhdxHeader({ metadataAt: 1n << 40n })), null)
    assert.equal(sizeOf(vhdxHeader({ metadataAt: 0xffffffffffffffffn })), null)
    assert.equal(sizeOf(vhdxHeader({ itemOffset: 0xffffffff })), null)
  })

  it('does not know the size when the image ends before the tables', () => {
    const inspection = inspectDiskImage(vhdxHeader().subarray(0, 8))
    assert.equal(inspection.format, 'vhdx')
    assert.equal(inspection.virtualSize, null)
  })
})

describe('vhdx parent', () => {
  const unsafe = (options: Parameters<typeof vhdxHeader>[0]) =>
    inspectDiskImage(vhdxHeader(options)).unsafe

  it('is refused by its flag and by its locator', () => {
    assert.equal(unsafe({ hasParent: true }), 'The vhdx image has a parent file')
    assert.equal(unsafe({ parentLocator: true }), 'The vhdx image has a parent file')
  })

  it('is not overlooked in the metadata of the second region table', () => {
    const tables = { metadataAt: 0x60000n, length: 0x90000 }
    assert.equal(unsafe({ ...tables, secondMetadataAt: 0x60000n }), null)
    assert.equal(
      unsafe({ ...tables, secondMetadataAt: 0x80000n }),
      'The vhdx image has more than one metadata region',
    )
  })

  it('is refused where there should be metadata and are none', () => {
    assert.equal(unsafe({ metadataAt: 1n << 40n }), 'The vhdx metadata are missing')
    assert.equal(unsafe({ items: 2048 }), 'The vhdx metadata table is too long')
  })
})
