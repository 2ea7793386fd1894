import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { inspectDiskImage } from '../../../src/blobs/inspect/inspect.ts'
import { GIB, vdiHeader } from './headers.ts'

describe('vdi inspection', () => {
  it('reads the virtual size', () => {
    assert.deepEqual(inspectDiskImage(vdiHeader()), {
      format: 'vdi',
      alsoMatches: [],
      virtualSize: GIB,
      unsafe: null,
    })
  })

  it('does not know the size when the header ends before it', () => {
    const inspection = inspectDiskImage(vdiHeader().subarray(0, 0x177))
    assert.equal(inspection.format, 'vdi')
    assert.equal(inspection.virtualSize, null)
  })
})

describe('vdi parent', () => {
  const sentence = 'The vdi image has a parent file'
  const unsafe = (options: Parameters<typeof vdiHeader>[0]) =>
    inspectDiskImage(vdiHeader(options)).unsafe

  it('is refused in a differencing or an undo image', () => {
    assert.equal(unsafe({ type: 2 }), null)
    assert.equal(unsafe({ type: 3 }), sentence)
    assert.equal(unsafe({ type: 4 }), sentence)
    assert.equal(unsafe({ version: 1, type: 4 }), sentence)
  })

  it('is refused by its number alone', () => {
    assert.equal(unsafe({ parentId: 7 }), sentence)
  })

  it('is not looked for in a version whose header is another', () => {
    assert.equal(unsafe({ version: 0x20000 }), 'The vdi version 2 is not supported')
  })
})
