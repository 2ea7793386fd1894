import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { inspectDiskImage } from '../../../src/blobs/inspect/inspect.ts'
import { formatMismatch, virtualSizeOf } from '../../../src/blobs/inspect/match.ts'
import {
  GIB,
  isoHeader,
  luksHeader,
  PROTECTIVE,
  qcow2Header,
  vhdHeader,
  vhdxHeader,
  vdiHeader,
  vmdkHeader,
  withPartitions,
} from './headers.ts'

const RAW = inspectDiskImage(new Uint8Array(512))
const QCOW2 = inspectDiskImage(qcow2Header())
const ISO = inspectDiskImage(isoHeader())
const HYBRID = inspectDiskImage(withPartitions([PROTECTIVE], isoHeader()))
const GPT = inspectDiskImage(withPartitions([PROTECTIVE]))
const LUKS = inspectDiskImage(luksHeader())

describe('format match', () => {
  it('holds for content of the declared format', () => {
    assert.equal(formatMismatch('qcow2', QCOW2), false)
    assert.equal(formatMismatch('iso', ISO), false)
    assert.equal(formatMismatch('vhd', inspectDiskImage(vhdHeader())), false)
    assert.equal(formatMismatch('vhdx', inspectDiskImage(vhdxHeader())), false)
    assert.equal(formatMismatch('vdi', inspectDiskImage(vdiHeader())), false)
    assert.equal(formatMismatch('vmdk', inspectDiskImage(vmdkHeader())), false)
    assert.equal(formatMismatch('gpt', GPT), false)
    assert.equal(formatMismatch('luks', LUKS), false)
  })

  it('fails for content of another format', () => {
    assert.equal(formatMismatch('qcow2', RAW), true)
    assert.equal(formatMismatch('iso', RAW), true)
    assert.equal(formatMismatch('vhd', RAW), true)
    assert.equal(formatMismatch('vhdx', QCOW2), true)
    assert.equal(formatMismatch('vdi', QCOW2), true)
    assert.equal(formatMismatch('vmdk', GPT), true)
    assert.equal(formatMismatch('gpt', RAW), true)
    assert.equal(formatMismatch('luks', RAW), true)
  })

  it('holds for an iso that is also gpt', () => {
    assert.equal(formatMismatch('iso', HYBRID), false)
  })

  it('holds for anything declared raw', () => {
    assert.equal(formatMismatch('raw', QCOW2), false)
    assert.equal(formatMismatch('raw', GPT), false)
  })

  it('holds for declared formats that cannot be inspected', () => {
    assert.equal(formatMismatch('ami', QCOW2), false)
    assert.equal(formatMismatch('ari', ISO), false)
    assert.equal(formatMismatch('aki', RAW), false)
    assert.equal(formatMismatch('ploop', GPT), false)
    assert.equal(formatMismatch('homegrown', QCOW2), false)
  })
})

describe('virtual size', () => {
  it('is that of the header', () => {
    assert.equal(virtualSizeOf('qcow2', QCOW2, 512), GIB)
    assert.equal(virtualSizeOf('iso', HYBRID, 512), 2_048_000)
    assert.equal(virtualSizeOf(null, QCOW2, 512), GIB)
  })

  it('is that of the stream for raw, gpt and luks content', () => {
    assert.equal(virtualSizeOf('raw', RAW, 512), 512)
    assert.equal(virtualSizeOf(null, RAW, 512), 512)
    assert.equal(virtualSizeOf('gpt', GPT, 512), 512)
    assert.equal(virtualSizeOf('luks', LUKS, 592), 592)
  })

  it('is that of the stream for anything declared raw', () => {
    assert.equal(virtualSizeOf('raw', QCOW2, 512), 512)
  })

  it('is unknown for an empty image', () => {
    assert.equal(virtualSizeOf('raw', RAW, 0), null)
  })

  it('is unknown for formats that cannot be inspected', () => {
    assert.equal(virtualSizeOf('ami', RAW, 512), null)
    assert.equal(virtualSizeOf('ari', RAW, 512), null)
    assert.equal(virtualSizeOf('aki', QCOW2, 512), null)
    assert.equal(virtualSizeOf('ploop', RAW, 512), null)
  })

  it('is unknown when the content is not of the declared format', () => {
    assert.equal(virtualSizeOf('qcow2', RAW, 512), null)
    assert.equal(virtualSizeOf('vmdk', QCOW2, 512), null)
  })
})
