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
