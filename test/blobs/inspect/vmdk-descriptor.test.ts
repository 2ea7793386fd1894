import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { inspectDiskImage } from '../../../src/blobs/inspect/inspect.ts'
import { TO_THE_END, vmdkDescriptor, vmdkHeader } from './headers.ts'

const unsafe = (head: Uint8Array) => inspectDiskImage(head).unsafe
const unsafeWith = (descriptor: string) => unsafe(vmdkHeader({ descriptor }))

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

  it('is refused within a second, though a line of it has half a mebibyte of blanks', () => {
    const descriptor = vmdkDescriptor({ extra: `x${' '.repeat(512 * 1024)}x` })
    const started = performance.now()
    assert.equal(
      unsafe(vmdkHeader({ descriptor, length: 1024 * 1024, descriptorSectors: 2047n })),
      'The vmdk descriptor has an invalid line',
    )
    assert.ok(performance.now() - started < 1000)
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
    assert.equal(
      withLine('# comment\x0bRW 1 FLAT "secret" 0'),
      'The vmdk descriptor is not ASCII text',
    )
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
