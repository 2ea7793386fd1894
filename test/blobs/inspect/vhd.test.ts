import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { inspectDiskImage } from '../../../src/blobs/inspect/inspect.ts'
import { GIB, vhdHeader } from './headers.ts'

describe('vhd inspection', () => {
  it('reads the virtual size', () => {
    assert.deepEqual(inspectDiskImage(vhdHeader()), {
      format: 'vhd',
      alsoMatches: [],
      virtualSize: GIB,
      unsafe: null,
    })
  })

  it('takes a size of zero for unknown', () => {
    assert.equal(inspectDiskImage(vhdHeader(0n)).virtualSize, null)
  })

  it('does not know the size when the header ends before it', () => {
    const inspection = inspectDiskImage(vhdHeader().subarray(0, 47))
    assert.equal(inspection.format, 'vhd')
    assert.equal(inspection.virtualSize, null)
  })
})
