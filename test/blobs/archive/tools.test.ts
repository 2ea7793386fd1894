import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { findDecompressors } from '../../../src/runtime/decompressors.ts'
import { randomData } from '../../support/random-data.ts'
import {
  bodyOf,
  children,
  childrenGone,
  collect,
  MIB,
  missing,
  open,
  packWith,
  refusal,
  sparseData,
  TOOL_OF,
  type ToolFormat,
  unpacked,
} from './archives.ts'
import { NO_TOOLS } from './no-tools.ts'

const decompressors = await findDecompressors()

describe('the programs of this machine', () => {
  it('are found where they are installed, and only there', () => {
    const installed = (format: ToolFormat) => missing(TOOL_OF[format]) === false
    for (const format of ['xz', 'lzma', 'zstd', 'bzip2'] as const) {
      assert.equal(decompressors[format] !== null, installed(format), format)
    }
  })

  it('are looked for on the PATH', async () => {
    const before = children()
    const path = process.env.PATH
    process.env.PATH = '/nowhere'
    try {
      assert.deepEqual(await findDecompressors(), NO_TOOLS)
    } finally {
      process.env.PATH = path
    }
    await childrenGone(before)
  })
})

describe('a program that unpacks', { skip: missing('bzip2') || missing('prlimit') }, () => {
  it('may take half a GiB and write no file, and knows nothing of this process', async () => {
    const before = children()
    const archive = packWith('bzip2', randomData(2 * MIB))
    const { body } = await open(bodyOf(() => archive).body, { decompressors })
    const reader = body.getReader()
    await reader.read()
    const [pid] = children().filter((child) => !before.includes(child))
    const limits = readFileSync(`/proc/${pid}/limits`, 'utf8')
    assert.match(limits, /^Max address space +536870912 /m)
    assert.match(limits, /^Max file size +0 /m)
    assert.match(limits, /^Max core file size +0 /m)
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean)
    const names = environment.map((variable) => variable.split('=')[0])
    assert.deepEqual(names, ['PATH', 'LC_ALL'])
    await reader.cancel()
    await childrenGone(before)
  })
})

describe('a program that does not come to its end', { skip: missing('bzip2') }, () => {
  const archive = packWith('bzip2', randomData(2 * MIB))

  it('is named when it has gone since the start [unavailable]', async () => {
    const path = process.env.PATH
    process.env.PATH = '/nowhere'
    try {
      assert.match(
        await refusal(archive, { decompressors }),
        /^\[unavailable\] The bzip2 archive could not be unpacked, since bzip2 was broken off: .*ENOENT/,
      )
    } finally {
      process.env.PATH = path
    }
  })

  it('is named when something has killed it [unavailable]', async () => {
    const before = children()
    const { body } = await open(bodyOf(() => archive).body, { decompressors })
    const reader = body.getReader()
    await reader.read()
    const [pid] = children().filter((child) => !before.includes(child))
    process.kill(Number(pid), 'SIGKILL')
    const rest = (async () => {
      while (!(await reader.read()).done);
    })()
    await assert.rejects(rest, {
      code: 'unavailable',
      message: 'The bzip2 archive could not be unpacked, since bzip2 was broken off: SIGKILL',
    })
    await childrenGone(before)
  })
})

/** What the program says of an archive that is not as it was. */
interface Behaviour {
  cut: RegExp
  damaged: RegExp
  rest: RegExp
}

function unpackingContract(format: ToolFormat, behaviour: Behaviour): void {
  describe(`an archive of ${format}`, { skip: missing(TOOL_OF[format]) }, () => {
    const pack = (data: Uint8Array, ...more: string[]) => packWith(format, data, ...more)
    const refused = (bytes: Uint8Array) => refusal(bytes, { decompressors })
    const sentence = new RegExp(`^\\[invalid\\] The ${format} archive cannot be unpacked: `)

    it('comes out as it went in', async () => {
      for (const data of [randomData(500_000), sparseData(), Buffer.alloc(0), Buffer.from([7])]) {
        assert.ok(data.equals(await unpacked(pack(data), { decompressors })))
      }
    })

    it('that ends early is refused with what the program says [invalid]', async () => {
      const archive = pack(randomData(200_000))
      for (const end of [20, 1000, archive.length >> 1, archive.length - 1]) {
        const said = await refused(archive.subarray(0, end))
        assert.match(said, sentence, `after ${end} bytes`)
        assert.match(said, behaviour.cut, `after ${end} bytes`)
      }
    })

    it('with other bytes than it had is refused [invalid]', async () => {
      const damaged = pack(randomData(200_000))
      damaged.fill('damaged', 100_000, 100_100)
      const said = await refused(damaged)
      assert.match(said, sentence)
      assert.match(said, behaviour.damaged)
    })

    it('followed by other bytes is refused [invalid]', async () => {
      const archive = pack(randomData(1000))
      assert.match(await refused(Buffer.concat([archive, Buffer.from('rubbish!')])), behaviour.rest)
      assert.match(await refused(Buffer.concat([archive, randomData(300_000)])), sentence)
    })

    it('is read no faster than what is in it, and its process killed with its reader', async () => {
      // More than pipes and buffers take in: a program that knows only one member would be done with it.
      const member = pack(randomData(MIB))
      const given = bodyOf(() => member)
      const before = children()
      const { body } = await open(given.body, { decompressors })
      const reader = body.getReader()
      // Those of tests before may end meanwhile.
      const own = () => children().filter((child) => !before.includes(child))
      assert.deepEqual(own(), [])
      await reader.read()
      await sleep(200)
      assert.equal(own().length, 1)
      assert.ok(given.read() < 2 * MIB, `${given.read()} bytes were read`)
      await reader.cancel('enough')
      assert.equal(given.cancelled(), 'enough')
      await childrenGone(before)
    })

    it('is cancelled while its source has nothing, and its process killed', async () => {
      const before = children()
      const begun = pack(randomData(300_000)).subarray(0, 1000)
      const stalled = new ReadableStream<Uint8Array>({ start: (body) => body.enqueue(begun) })
      const reader = (await open(stalled, { decompressors })).body.getReader()
      const reading = reader.read()
      await sleep(100)
      await reader.cancel('enough')
      assert.equal((await reading).done, true)
      await childrenGone(before)
    })

    it('fails with what its source fails with, and its process is killed', async () => {
      const before = children()
      const failure = new Error('The source is gone')
      const given = bodyOf(pack(randomData(300_000)).subarray(0, 200_000), { failure })
      const { body } = await open(given.body, { decompressors })
      await assert.rejects(collect(body), failure)
      await childrenGone(before)
    })

    it('lets go of its source when it is refused', async () => {
      const before = children()
      const member = pack(randomData(1000))
      const given = bodyOf(() => (given.read() < 5000 ? member : randomData(MIB)))
      const { body } = await open(given.body, { decompressors })
      await assert.rejects(collect(body), { code: 'invalid' })
      assert.match(String(given.cancelled()), /cannot be unpacked/)
      await childrenGone(before)
    })
  })
}

unpackingContract('xz', {
  cut: /Unexpected end of input$/,
  damaged: /corrupt$/,
  rest: /Unexpected end of input$/,
})
unpackingContract('lzma', {
  cut: /Unexpected end of input$/,
  damaged: /corrupt$/,
  rest: /corrupt$/,
})
unpackingContract('zstd', {
  cut: /premature end/,
  damaged: /checksum/,
  rest: /unsupported format|unknown header/,
})
unpackingContract('bzip2', {
  cut: /Compressed file ends unexpectedly;$/,
  damaged: /Data integrity error when decompressing\.$/,
  rest: /trailing garbage after EOF ignored$/,
})

describe('an archive of several streams', () => {
  const comesOutWhole = async (format: ToolFormat): Promise<void> => {
    const parts = [randomData(1000), sparseData(), randomData(10)]
    const archive = Buffer.concat(parts.map((part) => packWith(format, part)))
    const out = await unpacked(archive, { decompressors, partSize: 777 })
    assert.ok(out.equals(Buffer.concat(parts)))
  }

  it('comes out whole from xz', { skip: missing('xz') }, () => comesOutWhole('xz'))
  it('comes out whole from zstd', { skip: missing('zstd') }, () => comesOutWhole('zstd'))
  it('comes out whole from bzip2', { skip: missing('bzip2') }, () => comesOutWhole('bzip2'))

  it('may be padded with zeros between those of xz', { skip: missing('xz') }, async () => {
    const archive = Buffer.concat([packWith('xz', Buffer.from('a')), Buffer.alloc(8)])
    assert.equal(String(await unpacked(archive, { decompressors })), 'a')
  })
})

describe('an archive that asks for much memory', () => {
  it('is unpacked as far as the presets of xz and zstd go', async (t) => {
    const data = sparseData()
    if (decompressors.xz) {
      const out = await unpacked(packWith('xz', data, '-9'), { decompressors })
      assert.ok(out.equals(data))
    } else t.diagnostic('xz is not installed')
    if (decompressors.zstd) {
      const out = await unpacked(packWith('zstd', data, '--long=27'), { decompressors })
      assert.ok(out.equals(data))
    } else t.diagnostic('zstd is not installed')
  })

  it('is refused by xz [invalid]', { skip: missing('xz') }, async () => {
    const archive = packWith('xz', sparseData(), '--lzma2=preset=0,dict=512MiB')
    assert.match(
      await refusal(archive, { decompressors }),
      /^\[invalid\] The xz archive cannot be unpacked: .*Memory usage limit reached/,
    )
  })

  it('is refused by zstd [invalid]', { skip: missing('zstd') }, async () => {
    const archive = packWith('zstd', sparseData(), '--long=30')
    assert.match(
      await refusal(archive, { decompressors }),
      /^\[invalid\] The zstd archive cannot be unpacked: .*(?:memory|maximum)/i,
    )
  })
})
