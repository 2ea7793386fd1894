import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { randomData } from '../../support/random-data.ts'
import { bodyOf, collect, MIB, missing, open, refusal, sparseData, unpacked } from './archives.ts'
import { zip, type ZipMember } from './zips.ts'

const DESCRIPTORS = [
  { signed: true, large: false },
  { signed: true, large: true },
  { signed: false, large: false },
  { signed: false, large: true },
]

/** Every way to write one file. */
function waysToWrite(data: Uint8Array): ZipMember[] {
  return [0, 8].flatMap((method) =>
    [undefined, ...DESCRIPTORS].flatMap((descriptor) =>
      [false, true].map((zip64) => ({ data, method, zip64, ...(descriptor && { descriptor }) })),
    ),
  )
}

const CONTENTS = [
  ['random', randomData(300_000)],
  ['sparse', sparseData()],
  ['empty', Buffer.alloc(0)],
  ['short', randomData(1000)],
] as const

describe('a zip archive with one file', () => {
  it('comes out as it went in, however it was written', async () => {
    for (const [name, data] of CONTENTS) {
      for (const member of waysToWrite(data)) {
        const { zip64 = false } = member
        const out = await unpacked(zip([member], { zip64, comment: 'made by a test' }))
        const how = { ...member, data: name }
        assert.ok(data.equals(out), JSON.stringify(how))
      }
    }
  })

  it('may come in parts of any size', async () => {
    const data = randomData(500)
    for (const descriptor of DESCRIPTORS) {
      const archive = zip([{ data, descriptor }])
      for (let partSize = 1; partSize < archive.length; partSize += partSize < 10 ? 1 : 61) {
        const out = await unpacked(archive, { partSize })
        assert.ok(data.equals(out), `in parts of ${partSize}`)
      }
    }
  })

  it('as other programs write it comes out as it went in', { skip: missing('zip') }, async () => {
    const data = sparseData()
    for (const args of [['-q'], ['-q', '-fz'], ['-q', '-9']]) {
      const { stdout, stderr } = spawnSync('zip', [...args, '-', '-'], {
        input: data,
        maxBuffer: 16 * MIB,
      })
      assert.ok(data.equals(await unpacked(stdout)), `zip ${args.join(' ')}: ${String(stderr)}`)
    }
  })

  it('is told by its sizes to the end, not by what its header says', async () => {
    for (const lies of [{ size: 999 }, { size: 1001 }, { crc: 1 }, { packed: 3 }]) {
      for (const descriptor of [undefined, ...DESCRIPTORS]) {
        const member = { data: randomData(1000), lies, ...(descriptor && { descriptor }) }
        assert.match(await refusal(zip([member])), /^\[invalid\] The zip archive is damaged/)
      }
    }
  })
})

describe('a zip archive that is not one file', () => {
  it('names how many there are [invalid]', async () => {
    const data = randomData(5000)
    for (const member of waysToWrite(data)) {
      const archive = zip([member, { ...member, name: 'second' }, { ...member, name: 'third' }])
      assert.equal(
        await refusal(archive),
        '[invalid] The zip archive holds 3 files, where exactly one is wanted',
      )
    }
  })

  it('is refused where the second file is long [invalid]', async () => {
    const data = randomData(400_000)
    for (const member of waysToWrite(data)) {
      const archive = zip([member, { ...member, name: 'second' }])
      assert.match(
        await refusal(archive),
        /^\[invalid\] The zip archive .*(?:more than one file|2 files)/,
      )
    }
  })

  it('is refused where its directory hides the second file [invalid]', async () => {
    const data = randomData(5000)
    const second = zip([{ data }])
    const between = second.subarray(0, second.indexOf('PK\x01\x02'))
    for (const member of waysToWrite(data)) {
      const archive = zip([member], { between })
      assert.match(await refusal(archive), /^\[invalid\] The zip archive .*more than the one file/)
    }
    assert.match(await refusal(zip([{ data }, { data }], { entries: 1 })), /^\[invalid\]/)
  })

  it('is refused without a file [invalid]', async () => {
    const none = '[invalid] The zip archive ends early, or holds no file'
    assert.equal(await refusal(zip([])), none)
    assert.equal(await refusal(zip([], { comment: 'nothing in it at all' })), none)
  })

  it('is refused with a folder or a link [invalid]', async () => {
    const data = Buffer.alloc(0)
    const folder = '[invalid] The zip archive holds a folder, where exactly one file is wanted'
    assert.equal(await refusal(zip([{ name: 'disks/', data, method: 0 }])), folder)
    const special =
      '[invalid] The zip archive holds a folder or a link, where exactly one file is wanted'
    const link = { name: 'disk.raw', data: Buffer.from('/etc/passwd'), mode: 0o120777 }
    assert.equal(await refusal(zip([link])), special)
    assert.equal(await refusal(zip([{ name: 'disks', data, mode: 0o040755 }])), special)
  })

  it('is refused as a part of several [invalid]', async () => {
    const archive = zip([{ data: randomData(100) }], { disk: 1 })
    assert.equal(await refusal(archive), '[invalid] The zip archive is one of several parts')
    const spanned = Buffer.concat([Buffer.from('PK\x07\x08', 'latin1'), archive])
    assert.match(await refusal(spanned), /is one of several parts, or damaged/)
  })
})

describe('a zip archive that cannot be unpacked', () => {
  it('is refused when it is encrypted [invalid]', async () => {
    for (const flags of [1, 0x40, 0x2000]) {
      assert.equal(
        await refusal(zip([{ data: randomData(100), flags }])),
        '[invalid] The zip archive is encrypted',
      )
    }
  })

  it('names the method that is not known [invalid]', async () => {
    for (const method of [9, 12, 14, 93, 99]) {
      assert.match(
        await refusal(zip([{ data: randomData(100), method }])),
        new RegExp(String.raw`^\[invalid\] .* compressed by method ${method}, where only deflate`),
      )
    }
  })

  it('that ends early is refused [invalid]', async () => {
    for (const member of waysToWrite(randomData(20_000))) {
      const { zip64 = false } = member
      const archive = zip([member], { zip64 })
      const { length } = archive
      const directory = archive.indexOf('PK\x01\x02')
      for (const end of [
        20,
        29,
        35,
        10_000,
        directory - 5,
        directory + 7,
        length - 22,
        length - 1,
      ]) {
        const refused = await refusal(archive.subarray(0, end))
        assert.match(refused, /^\[invalid\] The zip archive ends early/, `after ${end} bytes`)
      }
    }
  })

  it('with other bytes than it had is refused [invalid]', async () => {
    for (const member of waysToWrite(randomData(201_000))) {
      const archive = zip([member])
      const directory = archive.lastIndexOf('PK\x01\x02')
      for (const at of [14, 18, 22, 1000, 200_000, directory - 3, directory + 16, directory + 42]) {
        // Of what comes behind the data, or in the directory, such a header says nothing.
        if (member.descriptor && at < 30) continue
        if (member.zip64 && (at === 18 || at === 22)) continue
        const damaged = Buffer.from(archive)
        damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at)
        assert.match(await refusal(damaged), /^\[invalid\] The zip archive /, `at ${at}`)
      }
    }
  })

  it('followed by other bytes is refused [invalid]', async () => {
    for (const member of waysToWrite(randomData(1000))) {
      for (const rest of [Buffer.alloc(1), Buffer.alloc(300_000), Buffer.from('rubbish')]) {
        const refused = await refusal(Buffer.concat([zip([member]), rest]))
        assert.match(refused, /^\[invalid\] The zip archive /)
      }
    }
  })

  it('never answers mutated archives with anything but a refusal or a file', async () => {
    const ways = waysToWrite(randomData(300))
    for (let round = 0; round < 500; round++) {
      const member = ways[round % ways.length] ?? { data: Buffer.alloc(0) }
      const archive = zip([member], { zip64: round % 3 === 0 })
      for (let changes = 0; changes < 1 + (round % 4); changes++) {
        const at = Math.floor(Math.random() * archive.length)
        archive.writeUInt8(Math.floor(Math.random() * 256), at)
      }
      const { body } = await open(bodyOf(archive).body)
      await collect(body).catch((error: unknown) => {
        const code = error instanceof Error && 'code' in error ? error.code : error
        assert.equal(code, 'invalid', `${String(error)}: ${archive.toString('hex')}`)
      })
    }
  })
})

describe('the body of a zip archive', () => {
  it('is read no faster than what is in it, and cancelled with its reader', async () => {
    for (const descriptor of [undefined, ...DESCRIPTORS]) {
      const data = randomData(MIB)
      const given = bodyOf(zip([{ data, ...(descriptor && { descriptor }) }]))
      const reader = (await open(given.body)).body.getReader()
      await reader.read()
      await sleep(20)
      assert.ok(given.read() < 700_000, `${given.read()} bytes were read`)
      await reader.cancel('enough')
      assert.equal(given.cancelled(), 'enough')
    }
  })

  it('is let go of when it is refused', async () => {
    const given = bodyOf(zip([{ data: randomData(MIB), flags: 1 }]))
    const { body } = await open(given.body)
    await assert.rejects(collect(body), { code: 'invalid' })
    assert.match(String(given.cancelled()), /is encrypted/)
  })

  it('fails with what its source fails with', async () => {
    const failure = new Error('The source is gone')
    const archive = zip([{ data: randomData(MIB) }])
    for (const end of [20, 40, 500_000, archive.length - 5]) {
      const given = bodyOf(archive.subarray(0, end), { failure })
      const { body } = await open(given.body)
      await assert.rejects(collect(body), failure)
    }
  })
})
