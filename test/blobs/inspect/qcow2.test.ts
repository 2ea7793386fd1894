import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { inspectDiskImage } from '../../../src/blobs/inspect/inspect.ts'
import { GIB, qcow2Header } from './headers.ts'

const unsafe = (head: Uint8Array) => inspectDiskImage(head).unsafe

describe('qcow2 inspection', () => {
  it('reads the virtual size of a version 3 image', () => {
    assert.deepEqual(inspectDiskImage(qcow2Header()), {
      format: 'qcow2',
      alsoMatches: [],
      virtualSize: GIB,
      unsafe: null,
    })
  })

  it('reads no feature bits from a version 2 image', () => {
    const inspection = inspectDiskImage(qcow2Header({ version: 2, features: 0xe2792acan << 32n }))
    assert.equal(inspection.virtualSize, GIB)
    assert.equal(inspection.unsafe, null)
  })

  it('takes the dirty, corrupt and compression type bits for safe', () => {
    assert.equal(unsafe(qcow2Header({ features: 0b1011n })), null)
  })

  it('refuses a backing file', () => {
    assert.equal(unsafe(qcow2Header({ backingFile: 0x200n })), 'The qcow2 image has a backing file')
    assert.equal(
      unsafe(qcow2Header({ version: 2, backingFile: 1n << 63n })),
      'The qcow2 image has a backing file',
    )
  })

  it('refuses an external data file', () => {
    assert.equal(
      unsafe(qcow2Header({ features: 0b100n })),
      'The qcow2 image has an external data file',
    )
  })

  it('refuses the name of a data file although no feature bit asks for one', () => {
    const sentence = 'The qcow2 image has an external data file'
    const named: [number, number][] = [[0x44415441, 11]]
    const behind: [number, number][] = [[0xe2792aca, 5], [0x6803f857, 144], ...named]
    assert.equal(unsafe(qcow2Header({ clusterBits: 9, extensions: named })), sentence)
    assert.equal(unsafe(qcow2Header({ clusterBits: 9, extensions: behind })), sentence)
    assert.equal(unsafe(qcow2Header({ version: 2, clusterBits: 9, extensions: named })), sentence)
  })

  it('accepts other header extensions, up to the end of them', () => {
    const extensions: [number, number][] = [
      [0xe2792aca, 0],
      [0x6803f857, 144],
      [0, 0],
      [0x44415441, 11],
    ]
    assert.equal(unsafe(qcow2Header({ clusterBits: 16, extensions })), null)
  })

  it('refuses header extensions that go on behind the head', () => {
    const length = 1024 * 1024
    const extensions: [number, number][] = [[0x12345678, length]]
    assert.equal(
      unsafe(qcow2Header({ clusterBits: 21, extensions, length })),
      'The qcow2 header is cut short',
    )
  })

  it('refuses feature bits it does not know', () => {
    const sentence = 'The qcow2 image has unknown incompatible features'
    assert.equal(unsafe(qcow2Header({ features: 1n << 4n })), sentence)
    assert.equal(unsafe(qcow2Header({ features: 1n << 63n })), sentence)
  })

  it('refuses versions other than 2 and 3', () => {
    assert.equal(unsafe(qcow2Header({ version: 1 })), 'The qcow2 version 1 is not supported')
    assert.equal(unsafe(qcow2Header({ version: 4 })), 'The qcow2 version 4 is not supported')
  })

  it('refuses a header that ends too early', () => {
    const magicOnly = inspectDiskImage(qcow2Header().subarray(0, 4))
    assert.equal(magicOnly.format, 'qcow2')
    assert.equal(magicOnly.virtualSize, null)
    assert.equal(magicOnly.unsafe, 'The qcow2 header is cut short')
    assert.equal(unsafe(qcow2Header().subarray(0, 79)), 'The qcow2 header is cut short')
  })

  it('does not know a size that a number cannot hold', () => {
    assert.equal(inspectDiskImage(qcow2Header({ size: 1n << 60n })).virtualSize, null)
  })
})
