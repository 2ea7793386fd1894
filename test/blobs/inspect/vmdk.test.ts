import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { inspectDiskImage, inspectTail } from '../../../src/blobs/inspect/inspect.ts'
import { blank, GIB, TO_THE_END, vmdkDescriptor, vmdkHeader, vmdkTail } from './headers.ts'

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
})

describe('vmdk descriptor', () => {
  it('is refused with a subformat that spreads over files', () => {
    const sentence = 'The vmdk subformat is not allowed'
    assert.equal(unsafeWith(vmdkDescriptor({ createType: 'monolithicFlat' })), sentence)
    assert.equal(unsafeWith('# Disk DescriptorFile\nversion=1\n'), sentence)
  })

  it('is refused with a second subformat in other letters', () => {
    const descriptor = vmdkDescriptor({ extra: 'CREATETYPE="monolithicFlat"' })
    assert.equal(unsafeWith(descriptor), 'The vmdk subformat is not allowed')
  })

  it('is refused with an extent that names a path', () => {
    const descriptor = vmdkDescriptor({ extent: 'RW 1 FLAT "/etc/passwd" 0' })
    assert.equal(unsafeWith(descriptor), 'A vmdk extent names a path')
  })

  it('is refused with an extent that names a path between tabs', () => {
    const descriptor = vmdkDescriptor({ extent: 'rdonly\t1\tFLAT\t"../secret"' })
    assert.equal(unsafeWith(descriptor), 'A vmdk extent names a path')
  })

  it('is refused with a parent file, even in a comment', () => {
    const sentence = 'The vmdk image has a parent file'
    assert.equal(unsafeWith(vmdkDescriptor({ extra: 'parentFileNameHint="base.vmdk"' })), sentence)
    assert.equal(unsafeWith(vmdkDescriptor({ extra: '# parentFileNameHint="x"' })), sentence)
  })

  it('is refused with a line that is none of the known kinds', () => {
    const descriptor = vmdkDescriptor({ extra: 'open sesame' })
    assert.equal(unsafeWith(descriptor), 'The vmdk descriptor has an invalid line')
  })

  it('is refused without extents', () => {
    assert.equal(unsafeWith(vmdkDescriptor({ extent: '' })), 'The vmdk descriptor has no extents')
  })

  it('is refused when it is not ASCII', () => {
    assert.equal(
      unsafeWith(vmdkDescriptor({ extra: '# \xff' })),
      'The vmdk descriptor is not ASCII text',
    )
  })

  it('is refused elsewhere than right behind the header', () => {
    assert.equal(unsafe(vmdkHeader({ descriptorSector: 2n })), 'The vmdk image has no descriptor')
  })

  it('is refused when it is empty or goes on behind the image', () => {
    const sentence = 'The vmdk image has no descriptor'
    assert.equal(unsafe(vmdkHeader({ descriptorSectors: 0n })), sentence)
    assert.equal(unsafe(vmdkHeader({ descriptorSectors: TO_THE_END })), sentence)
    assert.equal(unsafe(vmdkHeader().subarray(0, 2048)), sentence)
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

  it('is not seen in other text', () => {
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

  it('is accepted when it repeats the header', () => {
    assert.equal(inspectTail(head, vmdkTail()), null)
  })

  it('is found at the end of a longer tail', () => {
    const tail = new Uint8Array(5000)
    tail.set(vmdkTail(), 5000 - 1536)
    assert.equal(inspectTail(head, tail), null)
  })

  it('is not looked for in an image whose header has no need of it', () => {
    assert.equal(inspectTail(vmdkHeader(), new Uint8Array(0)), null)
  })

  it('is refused when it differs from the header', () => {
    const descriptor = 'The vmdk footer names another descriptor than the header'
    assert.equal(inspectTail(head, vmdkTail({ descriptorSector: 9n })), descriptor)
    assert.equal(inspectTail(head, vmdkTail({ descriptorSectors: 9n })), descriptor)
    assert.equal(
      inspectTail(head, vmdkTail({ version: 1 })),
      'The vmdk footer has another signature or version than the header',
    )
  })

  it('is refused when it points to another footer', () => {
    assert.equal(
      inspectTail(head, vmdkTail({ grainDirectory: TO_THE_END })),
      'The vmdk footer points to another footer',
    )
  })

  it('is refused without its markers', () => {
    assert.equal(inspectTail(head, vmdkTail({ marker: 1 })), 'The vmdk footer marker is invalid')
    assert.equal(inspectTail(head, new Uint8Array(100)), 'The vmdk footer marker is invalid')
    const unended = vmdkTail()
    unended[1100] = 1
    assert.equal(inspectTail(head, unended), 'The vmdk end-of-stream marker is invalid')
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
