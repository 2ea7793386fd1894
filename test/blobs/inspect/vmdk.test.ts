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

describe('vmdk descriptor, as far as a reader reads', () => {
  const hint = '\nparentFileNameHint="/etc/passwd"\n'

  it('is read behind the sectors that the header allots to it', () => {
    const descriptor = vmdkDescriptor() + '#'.repeat(600) + hint
    assert.equal(
      unsafe(vmdkHeader({ descriptor, descriptorSectors: 1n })),
      'The vmdk image has a parent file',
    )
    const extent = `${vmdkDescriptor()}${'\n'.repeat(20_000)}RW 1 FLAT "/etc/passwd" 0\n`
    assert.equal(unsafeWith(extent), 'A vmdk extent names a path')
  })

  it('ends with the first NUL', () => {
    assert.equal(unsafeWith(`${vmdkDescriptor()}\0${hint}`), null)
  })

  it('may fill a small image to its end, but not the head of a larger one', () => {
    const small = vmdkHeader({ descriptor: vmdkDescriptor().padEnd(65_024, '\n') })
    assert.equal(unsafe(small), null)
    const length = 1024 * 1024
    const large = vmdkHeader({ descriptor: vmdkDescriptor().padEnd(length - 512, '\n'), length })
    assert.equal(unsafe(large), 'The vmdk image has no descriptor')
  })
})

describe('vmdk descriptor, line by line', () => {
  const withLine = (extra: string) => unsafeWith(vmdkDescriptor({ extra }))
  const withExtent = (extent: string) => unsafeWith(vmdkDescriptor({ extent }))

  it('names its subformat once, in these letters', () => {
    const sentence = 'The vmdk subformat is not allowed'
    assert.equal(unsafeWith(vmdkDescriptor({ createType: 'MonolithicSparse' })), sentence)
    assert.equal(withLine('createType="monolithicSparse"'), sentence)
    assert.equal(withLine('createType=X"vmfs"'), sentence)
    assert.equal(withLine('createType=XmonolithicFlat"'), sentence)
    assert.equal(withLine(' createType="monolithicSparse"'), sentence)
    assert.equal(withLine('# createType="vmfs"'), sentence)
    assert.equal(withLine('ddb.comment = "createType="'), sentence)
  })

  it('has no parent', () => {
    const sentence = 'The vmdk image has a parent file'
    assert.equal(withLine('parentCID=fffffffe'), sentence)
    assert.equal(withLine('parentFileNameHint=""'), sentence)
    assert.equal(withLine('ParentFileNameHint ='), sentence)
    assert.equal(withLine('ddb.comment = "parentFileNameHint"'), sentence)
    assert.equal(withLine('ddb.nativeParentHint = "base.vmdk"'), sentence)
    assert.equal(withLine('ddb.uuid.parent="00000000-0000-0000-0000-000000000001"'), sentence)
    assert.equal(withLine('isNativeSnapshot="yes"'), 'The vmdk descriptor has an invalid line')
  })

  it('has one extent, in the file itself', () => {
    assert.equal(withExtent('RW 1 SPARSE "../secret"'), 'A vmdk extent names a path')
    assert.equal(withExtent('RW 1 SPARSE "..\\secret"'), 'A vmdk extent names a path')
    assert.equal(withExtent('RW 1 SPARSE "nbd:host"'), 'A vmdk extent names a path')
    const elsewhere = 'The vmdk image has an extent in another file'
    assert.equal(withExtent('RW 1 FLAT "secret" 0'), elsewhere)
    assert.equal(withExtent('RW 0 SPARSE "disk"'), elsewhere)
    assert.equal(withExtent('RW 1 SPARSE "disk" 0'), elsewhere)
    assert.equal(withExtent('RW  1 SPARSE "disk"'), elsewhere)
    assert.equal(withExtent('RW 1 VMFS "secret"'), elsewhere)
    assert.equal(withExtent('RW 1 SESPARSE "secret"'), elsewhere)
    assert.equal(withExtent(' rw 1 SPARSE "secret"'), elsewhere)
    const two = 'RW 1 SPARSE "disk"\nRW 1 SPARSE "secret"'
    assert.equal(withExtent(two), 'The vmdk image has more than one extent')
  })

  it('has no extent over several lines, nor one behind a carriage return', () => {
    const sentence = 'The vmdk descriptor has an invalid line'
    assert.equal(withLine('RW\n1\nFLAT\n"secret"\n0'), sentence)
    assert.equal(withLine('# comment\rRW 1 FLAT "secret" 0'), sentence)
    assert.equal(withLine('# comment\x0bRW 1 FLAT "secret" 0'), sentence)
  })

  it('names no other file', () => {
    const sentence = 'The vmdk descriptor has an invalid line'
    assert.equal(withLine('changeTrackPath="disk-ctk.vmdk"'), sentence)
    assert.equal(withLine('ddb.sidecars = "disk_1.vmfd"'), sentence)
    assert.equal(withLine('ddb.objectUri = "vsan://1"'), sentence)
  })
})

describe('vmdk descriptor as it is written', () => {
  it('by ESX hosts and ovftool is accepted', () => {
    const descriptor = [
      '# Disk DescriptorFile',
      'version=1',
      'encoding="UTF-8"',
      'CID=7d4be9f4',
      'parentCID=ffffffff',
      'isNativeSnapshot="no"',
      'createType="streamOptimized"',
      '',
      '# Extent description',
      'RDONLY 33554432 SPARSE "generated-stream.vmdk"',
      '',
      '# The Disk Data Base ',
      '#DDB',
      '',
      'ddb.adapterType = "lsilogic"',
      'ddb.geometry.cylinders = "2088"',
      'ddb.longContentID = ""',
      'ddb.thinProvisioned = "1"',
      'ddb.toolsInstallType = "4"',
      'ddb.toolsVersion = "2147483647"',
      'ddb.uuid = "60 00 C2 97 ee 00 4e ed-cb 09 ab 10 91 3f 7f 99"',
      'ddb.virtualHWVersion = "13"',
    ]
    assert.equal(unsafeWith(descriptor.join('\r\n')), null)
  })

  it('by VirtualBox is accepted', () => {
    const descriptor = [
      '# Disk DescriptorFile',
      'version=1',
      'CID=9b2f2b79',
      'parentCID=ffffffff',
      'createType="streamOptimized"',
      '',
      '# Extent description',
      'RDONLY 838860800 SPARSE "Appliance 12.2 (final)-disk001.vmdk"',
      '',
      '# The disk Data Base ',
      '#DDB',
      '',
      'ddb.virtualHWVersion = "4"',
      'ddb.adapterType="ide"',
      'ddb.geometry.biosCylinders="1024"',
      'ddb.uuid.image="4405b9d5-698b-46fa-b146-3529dd0aa368"',
      'ddb.uuid.parent="00000000-0000-0000-0000-000000000000"',
      'ddb.uuid.modification="00000000-0000-0000-0000-000000000000"',
      'ddb.uuid.parentmodification="00000000-0000-0000-0000-000000000000"',
      'ddb.comment=""',
    ]
    assert.equal(unsafeWith(`${descriptor.join('\n')}\n`.padEnd(10_240, '\n')), null)
  })

  it('by converters, with blanks at the ends of lines, is accepted', () => {
    const descriptor = [
      '# Description file created by VMDK stream converter',
      'version=1',
      '# Believe this is random',
      'CID=4294967295 ',
      '# Indicates no parent',
      'parentCID=ffffffff ',
      'createType="streamOptimized" ',
      '# 2048 / 63 / 255 rounded up',
      'RDONLY 2048 SPARSE "call-me-stream.vmdk"',
      '#DDB',
    ]
    assert.equal(unsafeWith(descriptor.join('\n')), null)
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
