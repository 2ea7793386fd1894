import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { recogniseArchive } from '../../../src/blobs/archive/format.ts'
import { bodyOf, collect, open, refusal } from './archives.ts'
import { NO_TOOLS } from './no-tools.ts'

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

const BEGINNINGS = {
  gzip: '1f8b 08 00 00000000 00 03',
  'zip with a file': '504b0304 1400 0000 0800',
  'zip without a file': '504b0506 0000 0000 0000',
  xz: 'fd377a585a00 0004 e6d6b446',
  'lzma of unknown size': '5d 00008000 ffffffffffffffff 00 18',
  'lzma of known size': '5d 00000001 0000100000000000 00 18',
  zstd: '28b52ffd 04 00 01 00',
  'zstd after a skippable frame': '502a4d18 04000000 00000000',
  bzip2: '425a68 39 314159265359 0000',
  'bzip2 of nothing': '425a68 31 177245385090 0000',
  lha: '2200 2d6c68352d 10000000',
}

describe('recognising an archive', () => {
  it('goes by its first bytes', () => {
    for (const [name, beginning] of Object.entries(BEGINNINGS)) {
      assert.equal(recogniseArchive(bytes(beginning)), name.split(' ')[0], name)
    }
  })

  it('takes nothing for one that only resembles it', () => {
    const others = {
      nothing: '',
      zeros: '00'.repeat(512),
      qcow2: '514649fb 00000003 0000000000000000',
      'gzip with reserved flags': '1f8b 08 e0 00000000 00 03',
      'gzip of another method': '1f8b 07 00 00000000 00 03',
      'a text about bzip2': Buffer.from('BZh9 is how bzip2 begins').toString('hex'),
      'lzma with an odd dictionary': '5d 00008100 ffffffffffffffff 00 18',
      'lzma with an impossible size': '5d 00008000 00000000ff000000 00 18',
      'lzma that does not begin with zero': '5d 00008000 ffffffffffffffff 01 18',
      'one byte of xz': 'fd',
    }
    for (const [name, beginning] of Object.entries(others)) {
      assert.equal(recogniseArchive(bytes(beginning)), null, name)
    }
  })
})

describe('a body that is no archive', () => {
  it('comes back as it is, whatever its parts', async () => {
    const image = randomBytes(3000)
    image.fill(0, 0, 4)
    for (const partSize of [1, 5, 13, 14, 15, 1000, 5000]) {
      const { archive, body } = await open(bodyOf(image, { partSize }).body)
      assert.equal(archive, null)
      assert.ok(image.equals(await collect(body)), `in parts of ${partSize}`)
    }
  })

  it('may be shorter than any archive, and empty', async () => {
    for (const image of [Buffer.alloc(0), Buffer.from([0x1f]), Buffer.from('PK')]) {
      const { archive, body } = await open(bodyOf(image).body)
      assert.equal(archive, null)
      assert.ok(image.equals(await collect(body)))
    }
  })

  it('is not read further than its reader asks, and cancelled with what he says', async () => {
    const given = bodyOf(Buffer.alloc(500_000), { partSize: 1000 })
    const { body } = await open(given.body)
    const reader = body.getReader()
    await reader.read()
    assert.equal(given.read(), 1000)
    await reader.cancel('enough')
    assert.equal(given.cancelled(), 'enough')
  })

  it('fails with what its source fails with', async () => {
    const failure = new Error('The source is gone')
    const given = bodyOf(Buffer.alloc(50), { failure })
    const { body } = await open(given.body)
    await assert.rejects(collect(body), failure)
    await assert.rejects(open(bodyOf(Buffer.alloc(5), { failure }).body), failure)
  })
})

describe('an archive that is not unpacked here', () => {
  it('is refused by its name when it is one of LHA [invalid]', async () => {
    assert.equal(
      await refusal(bytes(BEGINNINGS.lha)),
      '[invalid] The lha archive cannot be unpacked here: pack it as gzip, zip, xz, zstd or bzip2',
    )
  })

  it('names the program that is missing [unsupported-media-type]', async () => {
    const refused = (beginning: string) => refusal(bytes(beginning), { decompressors: NO_TOOLS })
    assert.match(
      await refused(BEGINNINGS.zstd),
      /^\[unsupported-media-type\] The zstd archive cannot be unpacked here without the program zstd: /,
    )
    assert.match(await refused(BEGINNINGS.xz), /without the program xz: /)
    assert.match(await refused(BEGINNINGS['lzma of known size']), /without the program xz: /)
    assert.match(await refused(BEGINNINGS.bzip2), /without the program bzip2: /)
  })
})
