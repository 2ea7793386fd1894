import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createStreamInspector } from '../../../src/blobs/inspect/stream.ts'
import { HeliostatError } from '../../../src/errors.ts'
import { ATTACKS } from './attacks.ts'
import {
  GIB,
  latin1,
  luksHeader,
  qcow2Header,
  vhdHeader,
  vhdxHeader,
  vmdkHeader,
  withPartitions,
} from './headers.ts'

const MIB = 1024 * 1024
const DISK_FORMATS = ['raw', 'qcow2', 'vmdk', 'vhd', 'vhdx', 'vdi', 'iso', 'ami', 'aki', 'ploop']
const CONTAINER_FORMATS = ['bare', 'ovf', 'ova', 'docker', 'compressed', 'ami']

interface Content {
  bytes: Uint8Array
  diskFormat?: string
  containerFormat?: string
  enforceMatch?: boolean
}

/** The size that is found, or what it is refused with. */
function outcome({ bytes, ...declared }: Content): number | string | null {
  const inspector = createStreamInspector({
    diskFormat: 'raw',
    containerFormat: 'bare',
    enforceMatch: true,
    mayBeEmpty: false,
    nonfatal: [],
    ...declared,
  })
  try {
    for (let at = 0; at < bytes.length; at += MIB) inspector.take(bytes.subarray(at, at + MIB))
    return inspector.finish(bytes.length)
  } catch (error) {
    if (error instanceof HeliostatError) return error.message
    throw error
  }
}

describe('content that leads to another file', () => {
  it('is refused whatever it is declared as', () => {
    for (const [name, bytes] of Object.entries(ATTACKS)) {
      for (const diskFormat of DISK_FORMATS) {
        for (const containerFormat of CONTAINER_FORMATS) {
          const said = outcome({ bytes, diskFormat, containerFormat, enforceMatch: false })
          const where = `${name} as ${diskFormat} in ${containerFormat}`
          assert.match(String(said), /^Image failed safety checks: /, where)
        }
      }
    }
  })

  it('is refused as a vmdk that begins like nothing, which qemu opens when it is told to', () => {
    const bytes = latin1('\xff\ncreateType=XmonolithicFlat"\nRW 1 FLAT "/etc/passwd" 0\n')
    const sentence = /The vmdk image is only a descriptor/
    assert.match(String(outcome({ bytes, diskFormat: 'vmdk', enforceMatch: false })), sentence)
    assert.match(String(outcome({ bytes, diskFormat: 'vmdk', containerFormat: 'ovf' })), sentence)
    assert.equal(outcome({ bytes }), bytes.length)
  })

  it('is refused in a footer of which the last chunk has only a part', () => {
    const bytes = new Uint8Array(MIB + 100)
    bytes.set(vhdHeader(BigInt(GIB), 4), bytes.length - 512)
    assert.equal(
      outcome({ bytes, diskFormat: 'aki' }),
      'Image failed safety checks: The vhd image has a parent file',
    )
  })
})

describe('content that leads nowhere', () => {
  it('is taken as raw, with the size of the stream', () => {
    assert.equal(outcome({ bytes: qcow2Header() }), 512)
    assert.equal(outcome({ bytes: vmdkHeader() }), 65_536)
    assert.equal(outcome({ bytes: vhdxHeader() }), 0x60000)
    assert.equal(outcome({ bytes: latin1('\x1f\x8b\x08 a compressed archive') }), 24)
    assert.equal(outcome({ bytes: latin1('#!/bin/sh\nversion=1\n') }), 20)
  })

  it('is taken as a kernel and in a container, however broken a disk it would be', () => {
    const brokenTable = withPartitions([{ boot: 0x12, type: 0x83 }])
    assert.equal(outcome({ bytes: brokenTable, diskFormat: 'aki' }), null)
    assert.equal(outcome({ bytes: luksHeader(2), containerFormat: 'docker' }), null)
    assert.match(String(outcome({ bytes: brokenTable })), /invalid boot flag/)
  })

  it('has no size of a disk in a container', () => {
    assert.equal(
      outcome({ bytes: qcow2Header(), diskFormat: 'qcow2', containerFormat: 'ovf' }),
      null,
    )
  })

  it('is a vhdx whose metadata lie behind the first chunk, and tell its size', () => {
    const bytes = vhdxHeader({ metadataAt: 0x280000n, length: 0x380000 })
    assert.equal(outcome({ bytes, diskFormat: 'vhdx' }), GIB)
  })
})
