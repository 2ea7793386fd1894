import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type Served, serveOnDeno, serveOnWorkerd } from '../../contract/runtimes.ts'
import { findDeno } from '../../support/deno.ts'
import { randomData } from '../../support/random-data.ts'
import { MIB, missing, packWith, sparseData, TOOL_OF, type ToolFormat } from './archives.ts'
import { zip } from './zips.ts'

const pathOf = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** gzip and zip, on another runtime than that of the other tests. */
function unpackingOn(runtime: string, serve: () => Promise<Served>, skip: string | false): void {
  describe(`archives on ${runtime}`, { skip }, () => {
    let served: Served

    async function send(bytes: Buffer): Promise<{ status: number; bytes: Buffer }> {
      const answer = await fetch(served.url, { method: 'POST', body: new Uint8Array(bytes) })
      return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) }
    }

    before(async () => {
      served = await serve()
    })
    after(() => served.stop())

    it('come out as they went in', async () => {
      const data = Buffer.concat([sparseData(), randomData(MIB)])
      const descriptor = { signed: true, large: true }
      const archives = {
        gzip: gzipSync(data),
        members: Buffer.concat([gzipSync(data.subarray(0, 1000)), gzipSync(data.subarray(1000))]),
        zip: zip([{ data }]),
        streamed: zip([{ data, descriptor, zip64: true }], { zip64: true }),
        stored: zip([{ data, method: 0 }]),
        'no archive': data,
      }
      for (const [name, archive] of Object.entries(archives)) {
        const { status, bytes } = await send(archive)
        assert.equal(status, 200, `${name}: ${bytes.toString('latin1', 0, 300)}`)
        assert.ok(bytes.equals(data), name)
      }
    })

    it('are refused with the same sentences', async () => {
      const data = randomData(50_000)
      const archive = gzipSync(data)
      const damaged = Buffer.from(archive).fill(1, 20_000, 20_100)
      const { length } = archive
      const [or, both] = ['is damaged, or followed by bytes', 'holds 2 files, where']
      const refused: [Buffer, string][] = [
        [archive.subarray(0, length - 1), 'The gzip archive ends early'],
        [damaged, `The gzip archive ${or}`],
        [Buffer.concat([archive, Buffer.alloc(9)]), `The gzip archive ${or}`],
        [Buffer.concat([archive, Buffer.from('rubbish')]), `The gzip archive ${or}`],
        [zip([{ data }, { data }]), `The zip archive ${both}`],
        [zip([{ data, lies: { crc: 1 } }]), 'The zip archive is damaged'],
        [zip([{ data }]).subarray(0, 30_000), 'The zip archive ends early'],
        [Buffer.from('fd377a585a000004e6d6b446', 'hex'), 'The xz archive cannot be unpacked here'],
        [gzipSync(Buffer.alloc(257 * MIB)), 'The gzip archive holds too much'],
      ]
      for (const [bytes, sentence] of refused) {
        const answer = await send(bytes)
        assert.equal(answer.status, 400, sentence)
        assert.ok(String(answer.bytes).startsWith(sentence), String(answer.bytes))
      }
    })
  })
}

const deno = findDeno()
const noDeno = deno === null ? 'npm has no Deno for this machine' : false

unpackingOn('workerd', () => serveOnWorkerd(pathOf('./served.ts')), false)
unpackingOn('Deno', () => serveOnDeno(deno ?? '', pathOf('./served.ts')), noDeno)

describe('the programs of the machine on Deno', { skip: noDeno }, () => {
  const PERMISSIONS = ['--allow-env', '--allow-read']

  /** Unpacks with what Deno may run. */
  function unpackOnDeno(archive: Buffer, programs: string): { out: Buffer; said: string } {
    const run = programs === '' ? [] : [`--allow-run=${programs}`]
    const { stdout, stderr } = spawnSync(
      deno ?? '',
      ['run', '--no-prompt', ...PERMISSIONS, ...run, pathOf('./unpack-process.ts')],
      { input: archive, maxBuffer: 64 * MIB, timeout: 60_000 },
    )
    return { out: stdout, said: String(stderr) }
  }

  function unpacksOnDeno(format: ToolFormat): void {
    const data = sparseData()
    const { out, said } = unpackOnDeno(packWith(format, data), `prlimit,${TOOL_OF[format]}`)
    assert.ok(out.equals(data), said)
  }

  it('unpack xz', { skip: missing('xz') }, () => unpacksOnDeno('xz'))
  it('unpack zstd', { skip: missing('zstd') }, () => unpacksOnDeno('zstd'))
  it('unpack bzip2', { skip: missing('bzip2') }, () => unpacksOnDeno('bzip2'))

  it('refuse what ends early [invalid]', { skip: missing('xz') }, () => {
    const archive = packWith('xz', randomData(100_000)).subarray(0, 50_000)
    const { said } = unpackOnDeno(archive, 'prlimit,xz')
    assert.match(said, /\[invalid\] The xz archive cannot be unpacked: .*Unexpected end of input/)
  })

  it('are not there without the permission to run them [unsupported-media-type]', () => {
    const archive = Buffer.from('fd377a585a000004e6d6b446', 'hex')
    const { said } = unpackOnDeno(archive, '')
    assert.match(said, /\[unsupported-media-type\] The xz archive cannot be unpacked here/)
  })
})
