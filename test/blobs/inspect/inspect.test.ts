import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { inspectDiskImage, inspectTail } from '../../../src/blobs/inspect/inspect.ts'
import {
  cowDiskHeader,
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
} from './headers.ts'

const VALID = [
  qcow2Header(),
  qcow2Header({ version: 2 }),
  vmdkHeader(),
  vmdkHeader({ grainDirectory: TO_THE_END }),
  cowDiskHeader(),
  new TextEncoder().encode(vmdkDescriptor()),
  vhdHeader(),
  vhdxHeader(),
  vdiHeader(),
  isoHeader(),
  withPartitions([PROTECTIVE]),
  luksHeader(),
  qedHeader(),
]

/** A valid header in which some bytes, most of them near fields that count, are replaced. */
const damaged = fc
  .tuple(
    fc.constantFrom(...VALID),
    fc.array(fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 0x7f, 0xff), fc.nat(255)))),
    fc.constantFrom(64, 640, 0x30100, 0x40100, Number.MAX_SAFE_INTEGER),
  )
  .map(([header, changes, reach]) => {
    const bytes = new Uint8Array(header)
    for (const [place, value] of changes) {
      const start = reach > 0x30000 && reach <= bytes.length ? reach - 0x100 : 0
      bytes[start + (place % (Math.min(reach, bytes.length) - start))] = value
    }
    return bytes
  })

function assertSound(bytes: Uint8Array): void {
  const { format, alsoMatches, virtualSize } = inspectDiskImage(bytes)
  assert.ok(!alsoMatches.includes(format))
  assert.ok(virtualSize === null || (Number.isSafeInteger(virtualSize) && virtualSize > 0))
}

describe('disk image inspection', () => {
  it('takes what it does not know for raw', () => {
    const raw = { format: 'raw', alsoMatches: [], virtualSize: null, unsafe: null }
    assert.deepEqual(inspectDiskImage(new Uint8Array(0)), raw)
    assert.deepEqual(inspectDiskImage(new Uint8Array(1024 * 1024)), raw)
    assert.deepEqual(inspectDiskImage(new TextEncoder().encode('hello')), raw)
  })

  it('refuses qed', () => {
    const inspection = inspectDiskImage(qedHeader())
    assert.equal(inspection.format, 'qed')
    assert.equal(inspection.unsafe, 'The qed format is not allowed')
  })

  it('refuses the disks of user mode Linux', () => {
    assert.equal(inspectDiskImage(latin1('OOOM\0\0\0\x02')).unsafe, 'The cow format is not allowed')
  })

  it('reads a head that is a view into a larger buffer', () => {
    const buffer = new Uint8Array(1000)
    buffer.set(vdiHeader(), 333)
    const head = buffer.subarray(333, 333 + 512)
    assert.deepEqual(inspectDiskImage(head), inspectDiskImage(vdiHeader()))
  })

  it('survives random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2048 }), assertSound))
  })

  it('survives random truncations', () => {
    fc.assert(
      fc.property(fc.constantFrom(...VALID), fc.nat(0x60000), (header, length) => {
        assertSound(header.subarray(0, length))
      }),
    )
  })

  it('survives every truncation within the first kilobyte', () => {
    for (const header of VALID) {
      for (let length = 0; length <= 1024; length++) assertSound(header.subarray(0, length))
    }
  })

  it('survives damaged headers', () => {
    fc.assert(fc.property(damaged, assertSound), { numRuns: 500 })
  })

  it('survives random tails', () => {
    const head = vmdkHeader({ grainDirectory: TO_THE_END })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2048 }), fc.nat(1536), (bytes, length) => {
        assert.notEqual(inspectTail(head, bytes, 65536), undefined)
        assert.notEqual(inspectTail(head, vmdkTail().subarray(0, length), 65536), undefined)
      }),
    )
  })
})
