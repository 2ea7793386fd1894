/** A real nginx as the store behind URLs. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createHttpStore } from '../../../src/blobs/http-store.ts'
import type { ObjectStore } from '../../../src/blobs/object-store.ts'
import { createAddressFilter } from '../../../src/http/address-filter.ts'
import { createOutgoing } from '../../../src/runtime/outgoing.ts'
import { objectStoreContract } from '../../contract/object-store.ts'
import { NO_RULES } from '../../support/address-rules.ts'
import { read } from '../../support/chunks.ts'

const MIB = 1 << 20
const script = fileURLToPath(new URL('http.sh', import.meta.url))
const url = `http://127.0.0.1:${process.env['HTTP_PORT'] ?? 26980}`
let folder: string
let store: ObjectStore

function nginx(command: 'start' | 'stop'): void {
  const { status, stderr } = spawnSync('bash', [script, command, folder], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heliostat-http-'))
  nginx('start')
  const filter = createAddressFilter({ ...NO_RULES, allowed_hosts: ['127.0.0.1'] })
  store = createHttpStore({ filter }, createOutgoing({ filter }))
})

after(() => nginx('stop'))

async function place(bytes: Uint8Array): Promise<string> {
  const name = randomUUID()
  await writeFile(join(folder, 'files', name), bytes)
  return `${url}/files/${name}`
}

objectStoreContract('nginx as an HTTP', 'read-only', async () => ({
  store,
  place,
  absent: async () => `${url}/files/${randomUUID()}`,
  foreign: (held) => [`ftp${held.slice(4)}`, held.replace('//', '/')],
  restart: async () => undefined,
  close: async () => undefined,
}))

describe('nginx as an HTTP store', () => {
  it('is read from the first byte where it has no ranges, and no further in (400)', async () => {
    const bytes = new Uint8Array(randomBytes(MIB))
    const whole = (await place(bytes)).replace('/files/', '/whole/')
    assert.equal(await store.size(whole), MIB)
    assert.deepEqual(await read(await store.get(whole, { offset: 0, length: MIB })), bytes)
    assert.deepEqual(
      await read(await store.get(whole, { offset: 0, length: 10 })),
      bytes.subarray(0, 10),
    )
    await assert.rejects(() => store.get(whole, { offset: 10, length: 10 }), { code: 'invalid' })
  })

  it('is followed where it redirects, but not to a private address (400)', async () => {
    const bytes = new Uint8Array(randomBytes(1000))
    const moved = (await place(bytes)).replace('/files/', '/moved/')
    assert.equal(await store.size(moved), 1000)
    assert.deepEqual(
      await read(await store.get(moved, { offset: 5, length: 10 })),
      bytes.subarray(5, 15),
    )
    await assert.rejects(() => store.size(`${url}/inside/x`), { code: 'invalid' })
  })

  it('gives 1 GiB with memory for a few pieces of it', async (test) => {
    const block = randomBytes(64 * MIB)
    const path = join(folder, 'files', 'large')
    const wanted = createHash('md5')
    for (let i = 0; i < 16; i++) {
      await writeFile(path, block, { flag: 'a' })
      wanted.update(block)
    }
    const got = createHash('md5')
    let peak = 0
    const before = process.memoryUsage().rss
    const started = performance.now()
    const stream = await store.get(`${url}/files/large`, { offset: 0, length: 1024 * MIB })
    assert.ok(stream)
    for await (const part of stream) {
      got.update(part)
      peak = Math.max(peak, process.memoryUsage.rss())
    }
    const seconds = (performance.now() - started) / 1000
    test.diagnostic(
      `${Math.round(1074 / seconds)} MB/s with MD5, ${Math.round((peak - before) / MIB)} MiB more memory`,
    )
    assert.equal(got.digest('hex'), wanted.digest('hex'))
    assert.ok(peak - before < 150 * MIB)
  })
})
