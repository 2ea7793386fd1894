import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createStreamInspector } from '../../../src/blobs/inspect/stream.ts'
import { HeliostatError } from '../../../src/errors.ts'
import { ATTACKS } from './attacks.ts'
import {
  GIB,
  isoHeader,
  latin1,
  PROTECTIVE,
  qcow2Header,
  TO_THE_END,
  vhdHeader,
  vhdxHeader,
  vmdkDescriptor,
  vmdkHeader,
  vmdkTail,
  withPartitions,
} from './headers.ts'
import {
  GNU,
  longName,
  MANIFEST,
  type Member,
  NO_MAGIC,
  OVF,
  pax,
  tar,
  tarHeader,
  together,
} from './tars.ts'

const MIB = 1024 * 1024
const SAFETY = 'Image failed safety checks: '

interface Options {
  diskFormat?: string
  chunk?: number
}

/** Without the words that all refusals begin with; `null` where it is taken. */
function refusal(bytes: Uint8Array, { diskFormat = 'vmdk', chunk = MIB }: Options = {}) {
  const inspector = createStreamInspector({
    diskFormat,
    containerFormat: 'ova',
    enforceMatch: true,
    mayBeEmpty: false,
    nonfatal: [],
  })
  try {
    for (let at = 0; at < bytes.length; at += chunk) inspector.take(bytes.subarray(at, at + chunk))
    return inspector.finish(bytes.length)
  } catch (error) {
    if (!(error instanceof HeliostatError) || error.status !== 415) throw error
    assert.ok(error.message.startsWith(SAFETY), error.message)
    return error.message.slice(SAFETY.length)
  }
}

function disk(content: Uint8Array = vmdkHeader(), name = 'appliance-disk1.vmdk'): Member {
  return { name, content }
}

const STREAMED = together([vmdkHeader({ grainDirectory: TO_THE_END }), vmdkTail()])

describe('an ova is taken', () => {
  it('as ovftool and VirtualBox write it, in ustar', () => {
    assert.equal(refusal(tar([OVF, MANIFEST, disk(STREAMED)])), null)
    assert.equal(refusal(tar([OVF, disk(STREAMED), { ...MANIFEST, name: 'a.cert' }], 20_480)), null)
  })

  it('as GNU tar, pax and old tars write it', () => {
    const members = [OVF, disk()]
    assert.equal(refusal(tar(members.map((member) => ({ ...member, magic: GNU })))), null)
    assert.equal(refusal(tar(members.map((member) => ({ ...member, magic: NO_MAGIC })))), null)
    const times = pax({ mtime: '1700000000.5', 'LIBARCHIVE.creationtime': '1700000000' })
    assert.equal(refusal(tar([times, OVF, times, disk()])), null)
    assert.equal(refusal(tar([pax({ comment: 'made by hand' }, 'g'), OVF, disk()])), null)
  })

  it('with checksums of signed bytes, and of unsigned ones', () => {
    const named = disk(vmdkHeader(), 'Ger\xc3\xa4t\xff.vmdk')
    const bytes = tarHeader({ ...named, size: 65_536 })
    const unsigned = Number.parseInt(new TextDecoder().decode(bytes.subarray(148, 154)), 8)
    assert.equal(refusal(tar([OVF, { ...named, checksum: unsigned }])), null)
    assert.equal(refusal(tar([OVF, { ...named, checksum: unsigned - 3 * 256 }])), null)
    assert.match(String(refusal(tar([{ ...named, checksum: unsigned - 256 }]))), /wrong checksum/)
  })

  it('with long names', () => {
    const name = `${'long'.repeat(60)}.vmdk`
    assert.equal(refusal(tar([OVF, longName(name), disk()])), null)
    assert.equal(refusal(tar([OVF, pax({ path: name, size: '65536' }), disk()])), null)
    assert.equal(refusal(tar([OVF, { ...disk(), prefix: 'appliance' }])), null)
  })

  it('with folders, and with several disks', () => {
    const folder = { name: './', type: '5' }
    const members = [
      folder,
      { ...OVF, name: './a.ovf' },
      disk(STREAMED),
      disk(qcow2Header(), 'b.qcow2'),
    ]
    assert.equal(refusal(tar(members)), null)
    assert.equal(refusal(tar([OVF, disk(isoHeader(), 'tools.iso')])), null)
    assert.equal(refusal(tar([OVF, disk(withPartitions([PROTECTIVE]), 'a.img')])), null)
  })

  it('without blocks of zeros at its end, and without what fills its last block', () => {
    const whole = tar([OVF, disk()], 0)
    assert.equal(refusal(whole), null)
    const odd = tar([disk(), { name: 'note', content: latin1('x') }], 0)
    assert.equal(refusal(odd.subarray(0, odd.length - 511)), null)
  })

  it('that is no tar: Glance takes anything, and nobody can unpack it', () => {
    for (const text of ['', 'x', 'random bytes '.repeat(1000), '\x1f\x8b\x08 compressed']) {
      assert.equal(refusal(latin1(text)), null)
    }
    assert.equal(refusal(new Uint8Array(MIB)), null)
    assert.equal(refusal(qcow2Header(), { diskFormat: 'qcow2' }), null)
  })

  it('with the size of a file as a number as it is', () => {
    const size = '\x80\0\0\0\0\0\0\0\0\x01\0\0'
    assert.equal(refusal(tar([OVF, { ...disk(), size }])), null)
  })
})

const HOSTILE: [string, Uint8Array, string | RegExp][] = [
  [
    'an absolute name',
    tar([{ ...OVF, name: '/etc/passwd' }]),
    'The ova member "/etc/passwd" has an absolute name',
  ],
  ['a drive', tar([{ ...OVF, name: 'C:a' }]), 'The ova member "C:a" has an absolute name'],
  [
    'a name that leads up',
    tar([OVF, { ...OVF, name: 'a/../../b' }]),
    'The ova member "a/../../b" leads out of its folder',
  ],
  ['a name that leads up in Windows', tar([{ name: '..\\b' }]), /leads out of its folder/],
  ['a backslash', tar([{ name: 'a\\b' }]), /has a backslash/],
  ['a prefix that leads up', tar([{ ...OVF, prefix: '..' }]), /leads out of its folder/],
  ['an absolute prefix', tar([{ ...OVF, prefix: '/etc' }]), /absolute name/],
  ['a long name that leads up', tar([longName('../a'), OVF]), /leads out of its folder/],
  ['a pax name that leads up', tar([pax({ path: '../a' }), OVF]), /leads out of its folder/],
  ['a control character', tar([{ name: 'a\x1b[2J' }]), /control character/],
  ['no name', tar([OVF, { name: '' }]), /has no name/],
  ['a name of a folder', tar([{ ...OVF, name: 'a/' }]), /has the name of a folder/],
  ['a folder with content', tar([{ ...OVF, type: '5' }]), /is a folder with content/],
  [
    'a hard link',
    tar([OVF, { name: 'a', type: '1', link: '/etc/shadow' }]),
    'The ova member "a" is a hard link',
  ],
  ['a symbolic link', tar([{ name: 'a', type: '2', link: '/' }]), /"a" is a symbolic link/],
  ['a character device', tar([{ type: '3' }]), /"a" is a character device/],
  ['a block device', tar([{ type: '4' }]), /"a" is a block device/],
  ['a FIFO', tar([{ type: '6' }]), /"a" is a FIFO/],
  ['a long link', tar([{ ...longName('/etc/shadow'), type: 'K' }, OVF]), /a link with a long name/],
  ['a sparse file', tar([{ ...disk(), type: 'S' }]), /is a sparse file/],
  ['an unknown type', tar([{ type: 'Z' }]), /is of the unknown type "Z"/],
  ['a link by pax', tar([pax({ linkpath: '/etc' }), OVF]), /a pax header that sets "linkpath"/],
  ['sparse by pax', tar([pax({ 'GNU.sparse.map': '0,1' }), OVF]), /that sets "GNU.sparse.map"/],
  ['a name for all', tar([pax({ path: 'a' }, 'g'), OVF]), /that sets "path"/],
  ['two long names', tar([longName('a'), pax({ path: 'b' }), OVF]), /two long names/],
  [
    'a header between a long name and its member, for which GNU tar forgets the name',
    tar([pax({ path: 'a' }), pax({ mtime: '1' }), { name: '../b' }]),
    /two long names/,
  ],
  ['two headers for one member', tar([pax({ mtime: '1' }), longName('a'), OVF]), /two long names/],
  [
    'an old folder behind a long name, whose content Python reads as headers',
    tar([longName('a'), { name: 'b/', type: '\0', content: tar([{ type: '2', link: '/' }]) }]),
    /of an old folder/,
  ],
  ['a mode of no number', tar([{ ...OVF, mode: '00\xb00644' }]), /invalid number/],
  ['two sizes', tar([pax({ size: '1024' }), disk()]), 'The ova has a tar member of two sizes'],
  ['a size by pax in no digits', tar([pax({ size: '-1' }), disk()]), /an invalid pax header/],
  ['broken records', tar([{ type: 'x', content: latin1('99 path=a\n') }, OVF]), /invalid pax/],
  ['a long header', tar([{ type: 'x', size: 70_000 }]), /of 70000 bytes, more than 65536/],
  ['a size that is none', tar([{ ...OVF, size: '-1' }]), /invalid size/],
  ['a size with garbage', tar([{ ...OVF, size: '0000001\x00777' }]), /invalid size/],
  ['a negative size', tar([{ ...OVF, size: '\xff'.repeat(12) }]), /invalid size/],
  ['a huge size', tar([{ ...OVF, size: `\x80${'\xff'.repeat(11)}` }]), /invalid size/],
  [
    'a size beyond the end',
    tar([OVF, { ...disk(), size: 8 ** 10 }]),
    'The ova ends within its member "appliance-disk1.vmdk"',
  ],
  ['half a member', tar([OVF], 0).subarray(0, 540), /within its member "appliance.ovf"/],
  ['a header cut', together([tar([OVF], 0), tarHeader(OVF).subarray(0, 99)]), /a tar header/],
  ['a name for nothing', tar([OVF, longName('a')]), /ends behind the name/],
  [
    'a wrong checksum',
    tar([OVF, { ...OVF, checksum: 1 }]),
    'The ova has a tar header with a wrong checksum',
  ],
  ['a wrong first checksum', tar([{ ...OVF, checksum: 1 }]), /wrong checksum/],
  [
    'a tar behind what is none',
    together([new Uint8Array(MIB + 512).fill(1), tar([OVF])]),
    'The ova has a tar behind what is none',
  ],
  ['an old prefix', tar([{ ...OVF, magic: GNU, prefix: 'a' }]), /prefix of no standard/],
  [
    'too many members',
    tar(Array.from({ length: 1025 }, () => ({ name: 'a' }))),
    'The ova has more than 1024 members',
  ],
  [
    'another archive behind its end',
    together([tar([OVF]), tar([{ name: '/etc/passwd' }])]),
    'The ova has data behind its end',
  ],
]

describe('an ova is refused [415]', () => {
  it('with what leads out of it, and what readers disagree on', () => {
    for (const [name, bytes, wanted] of HOSTILE) {
      const said = String(refusal(bytes))
      if (typeof wanted === 'string') assert.equal(said, wanted, name)
      else assert.match(said, wanted, name)
    }
  })

  it('with any disk that leads to another file, by the member that has it', () => {
    for (const [attack, content] of Object.entries(ATTACKS)) {
      for (const name of ['disk.vmdk', 'disk.qcow2', 'disk.img', 'disk', 'appliance.ovf']) {
        const said = String(refusal(tar([OVF, disk(STREAMED), { name, content }])))
        assert.match(said, new RegExp(`, in the ova member "${name}"$`), `${attack} as ${name}`)
      }
    }
  })

  it('with a disk that is unsafe as an upload of its format, by the member that has it', () => {
    assert.equal(
      refusal(tar([OVF, disk(withPartitions([]), 'disk.img')])),
      'The partition table has no partitions, in the ova member "disk.img"',
    )
    const wrongFooter = together([
      vmdkHeader({ grainDirectory: TO_THE_END }),
      vmdkTail({ marker: 2 }),
    ])
    assert.match(String(refusal(tar([disk(wrongFooter)]))), /footer marker is invalid, in/)
    assert.match(String(refusal(tar([disk(latin1(vmdkDescriptor()))]))), /only a descriptor/)
  })

  it('with a text that is a vmdk to whom is told so', () => {
    const content = latin1('\xff\ncreateType=XmonolithicFlat"\nRW 1 FLAT "/etc/passwd" 0\n')
    assert.match(String(refusal(tar([disk(content, 'disk.img')]))), /only a descriptor/)
    assert.equal(refusal(tar([disk(content, 'disk.img')]), { diskFormat: 'raw' }), null)
  })

  it('when it is a disk as well', () => {
    const whole = tar([OVF, { name: 'a', content: new Uint8Array(40_000) }])
    const also = (at: number, bytes: Uint8Array): string => {
      const copy = whole.slice()
      copy.set(bytes, at)
      return String(refusal(copy))
    }
    assert.equal(also(32_769, latin1('CD001')), 'The image is both ova and iso')
    assert.equal(also(510, latin1('\x55\xaa')), 'The image is both ova and gpt')
    const withMagic = tar([{ name: 'QFI\xfb' }])
    assert.equal(refusal(withMagic), 'The image is both ova and qcow2')
    const named = tar([{ name: '# Disk DescriptorFile' }])
    assert.equal(refusal(named), 'The image is both ova and vmdk')
    const ending = together([tar([OVF]), vhdHeader(BigInt(GIB), 4)])
    assert.equal(refusal(ending), 'The ova has data behind its end')
  })
})

describe('what is found in an ova', () => {
  it('is the same for chunks of any size', () => {
    const large = vhdxHeader({ metadataAt: 0x280000n, length: 0x380000 })
    const good = tar([OVF, disk(STREAMED), disk(large, 'disk.vhdx'), MANIFEST])
    const parent = vhdxHeader({ metadataAt: 0x280000n, length: 0x380000, hasParent: true })
    const bad = tar([OVF, disk(STREAMED), disk(parent, 'disk.vhdx'), MANIFEST])
    const behind = together([new Uint8Array(3 * MIB).fill(1), tar([OVF])])
    for (const chunk of [MIB, MIB + 1, 2 * MIB, 3 * MIB + 511, 64 * MIB]) {
      assert.equal(refusal(good, { chunk }), null, `${chunk}`)
      assert.match(String(refusal(behind, { chunk })), /a tar behind what is none/)
      assert.match(String(refusal(bad, { chunk })), /parent file, in the ova member "disk.vhdx"/)
    }
  })

  it('is the same where the last bytes lie at an odd place of a buffer', () => {
    const bytes = together([new Uint8Array(1), tar([OVF]), new Uint8Array(2)])
    const inspector = createStreamInspector({
      diskFormat: 'vmdk',
      containerFormat: 'ova',
      enforceMatch: true,
      mayBeEmpty: false,
      nonfatal: [],
    })
    inspector.take(bytes.subarray(1, -2))
    inspector.take(bytes.subarray(-2))
    assert.equal(inspector.finish(bytes.length - 1), null)
  })

  it('is kept in bounded memory, however large the disks are', () => {
    const inspector = createStreamInspector({
      diskFormat: 'vmdk',
      containerFormat: 'ova',
      enforceMatch: true,
      mayBeEmpty: false,
      nonfatal: [],
    })
    const chunks = 2048
    const chunk = new Uint8Array(MIB)
    inspector.take(together([tarHeader({ ...disk(), size: chunks * MIB }), chunk.subarray(512)]))
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    for (let i = 1; i < chunks; i++) {
      inspector.take(chunk)
      if (i % 64 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    inspector.take(chunk.subarray(0, 512))
    assert.equal(inspector.finish(chunks * MIB + 512), null)
    assert.ok(most < 16 * MIB, `${most} bytes`)
  })
})
