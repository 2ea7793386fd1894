import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { inspectDiskImage, inspectTail } from '../../../src/blobs/inspect/inspect.ts'
import {
  blank,
  cowDiskHeader,
  GIB,
  latin1,
  TO_THE_END,
  vmdkDescriptor,
  vmdkHeader,
  vmdkTail,
} from './headers.ts'

const unsafe = (head: Uint8Array) => inspectDiskImage(head).unsafe
const unsafeWith = (descriptor: string) => unsafe(vmdkHeader({ descriptor }))

function textImage(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

describe('vmdk inspection', () => {
  it('reads the virtual size of a monolithicSparse image', () => {
    assert.deepEqual(inspectDiskImage(vmdkHeader()), {
      format: 'vmdk',
      alsoMatches: [],
      virtualSize: GIB,
      unsafe: null,
    })
  })

  it('accepts streamOptimized, and line ends with a carriage return', () => {
    const descriptor = vmdkDescriptor({ createType: 'streamOptimized' }).replaceAll('\n', '\r\n')
    assert.equal(unsafeWith(descriptor), null)
  })

  it('refuses a format version it does not know', () => {
    assert.equal(unsafe(vmdkHeader({ version: 4 })), 'The vmdk version is not supported')
  })

  it('refuses an image without capacity, whose descriptor alone counts', () => {
    assert.equal(unsafe(vmdkHeader({ capacity: 0n })), 'The vmdk image has no capacity')
    assert.equal(unsafe(vmdkHeader().subarray(0, 19)), 'The vmdk image has no capacity')
  })

  it('refuses the sparse extent of an ESX host, with and without a parent', () => {
    const image = cowDiskHeader(vmdkDescriptor({ extra: 'parentFileNameHint="/etc/passwd"' }))
    assert.equal(inspectDiskImage(image).format, 'vmdk')
    assert.equal(unsafe(image), 'The vmdk subformat is not allowed')
    assert.equal(unsafe(cowDiskHeader()), 'The vmdk subformat is not allowed')
  })
})

describe('vmdk descriptor without data', () => {
  it('is recognised and refused', () => {
    assert.deepEqual(inspectDiskImage(textImage(vmdkDescriptor())), {
      format: 'vmdk',
      alsoMatches: [],
      virtualSize: null,
      unsafe: 'The vmdk image is only a descriptor, its data are in other files',
    })
  })

  it('is recognised without its first comment', () => {
    const text = 'version=1\ncreateType="monolithicFlat"\nRW 1 FLAT "/etc/passwd" 0\n'
    assert.equal(inspectDiskImage(textImage(text)).format, 'vmdk')
    const padded = `${text}${'\n'.repeat(600)}\xff`
    assert.equal(inspectDiskImage(textImage(padded)).format, 'vmdk')
  })

  it('is recognised behind comments of any bytes, as qemu probes', () => {
    const rest = 'version=1\ncreateType=XmonolithicFlat"\nRW 1 FLAT "/etc/passwd" 0\n'
    assert.equal(inspectDiskImage(latin1(`# \xff\xfe\n${rest}`)).format, 'vmdk')
    assert.equal(inspectDiskImage(latin1(`  \r\n#\x80\n \n${rest}`)).format, 'vmdk')
    const inComment = '#createType="vmfs" parentFileNameHint="/etc/passwd"\0\nversion=1\n'
    assert.equal(inspectDiskImage(latin1(inComment)).format, 'vmdk')
  })

  it('is recognised by its title, however it is written', () => {
    assert.equal(inspectDiskImage(latin1('#Disk Descriptor File\nversion=1')).format, 'vmdk')
  })

  it('is not seen in other text', () => {
    assert.equal(inspectDiskImage(textImage('#!/bin/sh\nversion=1\nmake\n')).format, 'raw')
    assert.equal(inspectDiskImage(textImage('function createType() {}\n')).format, 'raw')
    assert.equal(inspectDiskImage(textImage('version=1\nhello\n')).format, 'raw')
  })

  it('is not seen behind bytes that are no text', () => {
    const { bytes, text } = blank(1024)
    text(600, 'createType="monolithicFlat"')
    assert.equal(inspectDiskImage(bytes).format, 'raw')
  })
})

describe('vmdk footer', () => {
  const head = vmdkHeader({ grainDirectory: TO_THE_END })
  const unsafeEnd = (tail: Uint8Array, size = 65_536) => inspectTail(head, tail, size)

  it('is accepted when it repeats the header', () => {
    assert.equal(unsafeEnd(vmdkTail()), null)
  })

  it('is found at the end of a longer tail', () => {
    const tail = new Uint8Array(5000)
    tail.set(vmdkTail(), 5000 - 1536)
    assert.equal(unsafeEnd(tail), null)
  })

  it('is not looked for in an image whose header has no need of it', () => {
    assert.equal(inspectTail(vmdkHeader(), new Uint8Array(0), 0), null)
  })

  it('is refused when it differs from the header', () => {
    const descriptor = 'The vmdk footer names another descriptor than the header'
    assert.equal(unsafeEnd(vmdkTail({ descriptorSector: 9n })), descriptor)
    assert.equal(unsafeEnd(vmdkTail({ descriptorSectors: 9n })), descriptor)
    assert.equal(
      unsafeEnd(vmdkTail({ version: 1 })),
      'The vmdk footer has another signature or version than the header',
    )
  })

  it('is refused with another capacity, or in an image that ends within a sector', () => {
    assert.equal(
      unsafeEnd(vmdkTail({ capacity: 0n })),
      'The vmdk footer has another capacity than the header',
    )
    assert.equal(unsafeEnd(vmdkTail(), 65_537), 'The vmdk image ends within a sector')
  })

  it('is refused when it points to another footer', () => {
    assert.equal(
      unsafeEnd(vmdkTail({ grainDirectory: TO_THE_END })),
      'The vmdk footer points to another footer',
    )
  })

  it('is refused without its markers', () => {
    assert.equal(unsafeEnd(vmdkTail({ marker: 1 })), 'The vmdk footer marker is invalid')
    assert.equal(unsafeEnd(new Uint8Array(100)), 'The vmdk footer marker is invalid')
    const unended = vmdkTail()
    unended[1100] = 1
    assert.equal(unsafeEnd(unended), 'The vmdk end-of-stream marker is invalid')
  })

  it('is checked at once in an image that fits into the head', () => {
    const image = new Uint8Array(head)
    image.set(vmdkTail(), image.length - 1536)
    assert.equal(unsafe(image), null)
    assert.equal(unsafe(head), 'The vmdk footer marker is invalid')
  })

  it('is left to the tail when the image may go on behind the head', () => {
    const long = vmdkHeader({ grainDirectory: TO_THE_END, length: 1024 * 1024 })
    assert.equal(unsafe(long), null)
  })
})
