import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { inspectDiskImage, inspectTail } from '../../../src/blobs/inspect/inspect.ts'
import { blank, dynamicVhd, GIB, vhdHeader } from './headers.ts'

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

describe('vhd parent', () => {
  const sentence = 'The vhd image has a parent file'

  it('is refused in a differencing image', () => {
    assert.equal(inspectDiskImage(vhdHeader(BigInt(GIB), 4)).unsafe, sentence)
  })

  it('is refused in the header of a dynamic image', () => {
    assert.equal(inspectDiskImage(dynamicVhd()).unsafe, null)
    assert.equal(inspectDiskImage(dynamicVhd({ parentId: 1 })).unsafe, sentence)
    assert.equal(inspectDiskImage(dynamicVhd({ parentName: '\0b\0a\0s\0e' })).unsafe, sentence)
  })

  it('is refused in a footer, whatever is in front of it', () => {
    const { bytes: image } = blank(4096)
    assert.equal(inspectTail(image, endOf(image, vhdHeader(), 512), 4096), null)
    const differencing = vhdHeader(BigInt(GIB), 4)
    assert.equal(inspectTail(image, endOf(image, differencing, 512), 4096), sentence)
    assert.equal(inspectTail(image, endOf(image, differencing, 600), 4096), sentence)
    assert.equal(
      inspectTail(image, endOf(image, differencing.subarray(0, 511), 511), 4095),
      sentence,
    )
  })
})

function endOf(image: Uint8Array, footer: Uint8Array, before: number): Uint8Array {
  const whole = new Uint8Array(image)
  whole.set(footer, whole.length - before)
  return whole.slice(-1536)
}
