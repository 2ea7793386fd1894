/**
 * A real Swift, by its own login and by that of a real Keystone. SWIFT_FOLDER is where swift.sh has started one; without
 * it one is started. SWIFT_RGW is the file that ceph.sh has written about its Swift; without it that is skipped.
 */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createSwiftObjects } from '../../../src/blobs/swift/objects.ts'
import { createSwiftStore } from '../../../src/blobs/swift/store.ts'
import type { SwiftOptions } from '../../../src/blobs/swift/settings.ts'
import type { Fetch } from '../../../src/http/fetch.ts'
import { createOutgoing } from '../../../src/runtime/outgoing.ts'
import { chunkStoreContract } from '../../contract/chunk-store.ts'
import { chunkOf, gather, randomChunk, read } from '../../support/chunks.ts'
import { peakMemory } from '../../support/limits.ts'
import { eventually } from '../../support/server.ts'
import { swiftOptions } from '../../support/swift-server.ts'

const send = createOutgoing({})

const MIB = 1 << 20
/** More than swift.sh lets it list in one page. */
const MANY = 250
const script = fileURLToPath(new URL('swift.sh', import.meta.url))
const given = process.env['SWIFT_FOLDER']
const folder = given ?? mkdtempSync(join(tmpdir(), 'heliostat-swift-'))
if (given === undefined) swift('start')
after(() => given ?? swift('stop'))

const about = variablesOf(join(folder, 'swift'))

function swift(command: 'start' | 'stop'): void {
  const { status, stderr } = spawnSync('bash', [script, command, folder], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

function variablesOf(file: string): Record<string, string> {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)))
}

/** The account of a login, as the options of a configuration name it. */
function optionsOf(kind: Kind, changes: Partial<SwiftOptions> = {}): SwiftOptions {
  const { address = '', user = '', key = '' } = kind
  const options = swiftOptions(address, kind.version, changes)
  return { ...options, account: { ...options.account, user, key } }
}

interface Kind {
  name: string
  version: '1' | '3'
  address: string | undefined
  user: string | undefined
  key: string | undefined
}

const ownLogin = (name: string, { swift_auth_url, swift_user, swift_key }: typeof about): Kind => ({
  name,
  version: '1',
  address: swift_auth_url,
  user: swift_user,
  key: swift_key,
})

const own = ownLogin('Swift by its own login', about)
const keystone: Kind = {
  name: 'Swift by Keystone',
  version: '3',
  address: about.keystone_url,
  user: about.keystone_user,
  key: about.keystone_key,
}
const rgw = process.env['SWIFT_RGW']
const kinds = [own, keystone, ...(rgw === undefined ? [] : [ownLogin('radosgw', variablesOf(rgw))])]

if (rgw === undefined) it.skip('radosgw by its own login: SWIFT_RGW is not set')

for (const kind of kinds) {
  const open = async () => ({
    store: createSwiftStore(optionsOf(kind, { swift_store_container: randomUUID() }), send),
    close: async () => undefined,
  })
  chunkStoreContract(kind.name, open, MANY)

  describe(kind.name, () => {
    it('has no container that nobody may create, and says so', async () => {
      const changes = {
        swift_store_container: randomUUID(),
        swift_store_create_container_on_put: false,
      }
      const store = createSwiftStore(optionsOf(kind, changes), send)
      const { digest, bytes } = randomChunk(10)
      for (const call of [
        () => store.check(),
        () => store.get(digest),
        () => store.put(digest, bytes),
        () => gather(store.list()),
      ]) {
        await assert.rejects(call, /container "\S+" at \S+ does not exist/)
      }
    })

    it('refuses another key, and says so', async () => {
      const options = optionsOf(kind)
      const account = { ...options.account, key: 'wrong' }
      const store = createSwiftStore({ ...options, account }, send)
      await assert.rejects(store.check(), /refuses the user and key/)
    })

    it('replaces what has other bytes', async () => {
      const container = randomUUID()
      const store = createSwiftStore(optionsOf(kind, { swift_store_container: container }), send)
      const { digest, bytes } = randomChunk(1000)
      await store.put(digest, bytes)
      await upload(kind, `${container}/chunks/${digest}`, randomBytes(1000))
      await store.put(digest, bytes)
      assert.deepEqual(await read(await store.get(digest)), bytes)
    })
  })

  // By Keystone they would be read in the same way.
  if (kind.version === '1') describe(`image in ${kind.name}`, () => testImages(kind))
}

/** By Debian's client. */
async function uploadInSegments(
  { address = '', user = '', key = '' }: Kind,
  container: string,
  name: string,
  { bytes, args }: { bytes: Uint8Array; args: string[] },
): Promise<void> {
  const file = join(folder, randomUUID())
  await writeFile(file, bytes)
  const command = ['upload', container, file, '--object-name', name, '--segment-size', `${MIB}`]
  const login = ['-A', address, '-U', user, '-K', key]
  await promisify(execFile)('/usr/bin/swift', [...login, ...command, ...args])
  await rm(file)
}

/** What lies in a container, by its own listing. */
async function names(kind: Kind, container: string): Promise<string[]> {
  const listed = await (await ask(kind, container, {})).text()
  return listed.split('\n').filter((name) => name !== '')
}

async function upload(kind: Kind, path: string, bytes: Uint8Array, headers = {}): Promise<void> {
  await ask(kind, path, { method: 'PUT', headers, body: new Uint8Array(bytes) })
}

/** A request to the account, past the store. */
async function ask(kind: Kind, path: string, init: RequestInit): Promise<Response> {
  const { url, token } = await accountOf(kind)
  const response = await fetch(`${url}/${path}`, {
    ...init,
    headers: { ...init.headers, 'X-Auth-Token': token },
  })
  assert.ok(response.ok, `${path}: ${response.status}`)
  return response
}

/** With a token of its own. */
async function accountOf(kind: Kind): Promise<{ url: string; token: string }> {
  let account = { url: '', token: '' }
  const store = createSwiftStore(optionsOf(kind), async (url, init) => {
    const token = new Headers(init.headers).get('X-Auth-Token')
    if (token !== null) account = { url: url.replace(/\/[^/]*$/, ''), token }
    return fetch(url, init)
  })
  await store.check()
  return account
}

function testImages(kind: Kind): void {
  const container = `images-${randomUUID()}`
  const options = optionsOf(kind, { swift_store_container: container })
  const store = createSwiftObjects(options, send)
  const bytes = randomBytes(2 * MIB + 12_345)
  const urlOf = (id: string) => `swift+config://ref1/${container}/${id}`

  async function checkImage(id: string): Promise<void> {
    assert.equal(await store.size(urlOf(id)), bytes.length)
    const spans = [
      [0, bytes.length],
      [MIB - 1, 2],
      [MIB - 3, MIB + 6],
      [2 * MIB, 1],
      [bytes.length - 5, 5],
    ] as const
    for (const [offset, length] of spans) {
      const body = await read(await store.get(urlOf(id), { offset, length }))
      const wanted = bytes.subarray(offset, offset + length)
      assert.equal(Buffer.compare(body, wanted), 0, `${length} bytes from ${offset}`)
    }
    const past = { offset: bytes.length - 1, length: 2 }
    await assert.rejects(async () => read(await store.get(urlOf(id), past)))
  }

  async function checkDeletion(id: string): Promise<void> {
    assert.equal(await store.delete?.(urlOf(id)), 'gone')
    assert.equal(await store.size(urlOf(id)), null)
    assert.deepEqual(await names(kind, container), ['another'])
    assert.equal(await store.delete?.(urlOf(id)), 'gone')
  }

  before(async () => {
    await ask(kind, container, { method: 'PUT' })
    await upload(kind, `${container}/another`, Buffer.from('stays'))
  })

  it('in one piece is read and deleted', async () => {
    const id = randomUUID()
    await upload(kind, `${container}/${id}`, bytes)
    await checkImage(id)
    await checkDeletion(id)
  })

  it('in segments as Glance writes them is read across their borders and deleted', async () => {
    const id = randomUUID()
    for (let at = 0; at < bytes.length; at += MIB) {
      const segment = `${id}-${String(at / MIB + 1).padStart(5, '0')}`
      await upload(kind, `${container}/${segment}`, bytes.subarray(at, at + MIB))
    }
    const headers = { 'X-Object-Manifest': `${container}/${id}-` }
    await upload(kind, `${container}/${id}`, Buffer.alloc(0), headers)
    await checkImage(id)
    await checkDeletion(id)
  })

  for (const [form, args] of [
    ['dynamic', []],
    ['static', ['--use-slo']],
  ] as const) {
    it(`as a ${form} large object of Swift's client is read and deleted`, async () => {
      const id = randomUUID()
      await uploadInSegments(kind, container, id, { bytes, args: [...args] })
      assert.equal((await names(kind, `${container}_segments`)).length, 3)
      await checkImage(id)
      await checkDeletion(id)
      assert.deepEqual(await names(kind, `${container}_segments`), [])
    })
  }
}

type Body = ReadableStream<Uint8Array>

/** Ends the body of the first GET of a chunk in the middle, after `then` was done. */
function breaking(after: number, then: () => Promise<void>): { fetch: Fetch; tokens: Set<string> } {
  const tokens = new Set<string>()
  let isBroken = false
  return {
    tokens,
    async fetch(url, init) {
      const token = new Headers(init.headers).get('X-Auth-Token')
      if (token !== null) tokens.add(token)
      const response = await fetch(url, init)
      if (isBroken || init.method !== 'GET' || !response.body) return response
      isBroken = true
      return new Response(cut(response.body, after, then), response)
    },
  }
}

function cut(body: Body, after: number, then: () => Promise<void>): Body {
  const reader = body.getReader()
  let bytes = 0
  return new ReadableStream(
    {
      async pull(controller) {
        if (bytes >= after) {
          await reader.cancel()
          await then()
          throw new Error('The connection was cut')
        }
        const { done, value } = await reader.read()
        if (done) return controller.close()
        bytes += value.length
        controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

describe('token that ends in the middle of a transfer', () => {
  async function checkTransfer(kind: Kind, revoke: (token: string) => Promise<void>) {
    const options = optionsOf(kind, { swift_store_container: randomUUID() })
    const { fetch: broken, tokens } = breaking(3 * MIB, () => revoke([...tokens][0] ?? ''))
    const store = createSwiftStore(options, broken)
    const { digest, bytes } = randomChunk(16 * MIB)
    await store.put(digest, bytes)
    assert.equal(Buffer.compare(await read(await store.get(digest)), bytes), 0)
    assert.equal(tokens.size, 2)
  }

  it("does not end it: Swift's own, which has forgotten it", async () => {
    await checkTransfer(own, forgetTokens)
  })

  it("does not end it: Keystone's, where it was revoked", async () => {
    const { url: account } = await accountOf(keystone)
    await checkTransfer(keystone, async (token) => {
      const headers = { 'X-Auth-Token': token, 'X-Subject-Token': token }
      const url = `${keystone.address}/auth/tokens`
      assert.equal((await fetch(url, { method: 'DELETE', headers })).status, 204)
      // What the proxy has heard of it lasts for a while.
      await eventually('the token is refused', 20_000, async () => {
        const { status } = await fetch(account, { method: 'HEAD', headers })
        return status === 401 ? true : null
      })
    })
  })

  it('does not end an upload: the chunk is sent again', async () => {
    const store = createSwiftStore(optionsOf(own), send)
    const chunks = Array.from({ length: 24 }, () => randomChunk(MIB))
    const puts = chunks.map(({ digest, bytes }) => store.put(digest, bytes))
    await Promise.race(puts)
    await forgetTokens()
    await Promise.all(puts)
    for (const { digest, bytes } of chunks) {
      assert.equal(Buffer.compare(await read(await store.get(digest)), bytes), 0)
    }
  })
})

async function forgetTokens(): Promise<void> {
  const socket = connect(Number(about.memcached_port), '127.0.0.1')
  socket.end('flush_all\r\nquit\r\n')
  assert.match(await text(socket), /^OK/)
}

describe('application credential', () => {
  it('logs in as well', async () => {
    const [project = '', name = ''] = (keystone.user ?? '').split(':')
    const domain = { id: 'default' }
    const password = { user: { name, domain, password: keystone.key } }
    const login = await fetch(`${keystone.address}/auth/tokens`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        auth: {
          identity: { methods: ['password'], password },
          scope: { project: { name: project, domain } },
        },
      }),
    })
    const { token } = JSON.parse(await login.text())
    const made = await fetch(`${keystone.address}/users/${token.user.id}/application_credentials`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'X-Auth-Token': login.headers.get('X-Subject-Token') ?? '',
      },
      body: JSON.stringify({ application_credential: { name: randomUUID() } }),
    })
    const { application_credential: credential } = JSON.parse(await made.text())
    const options = optionsOf(keystone)
    const account = {
      ...options.account,
      user: null,
      key: null,
      application_credential_id: credential.id,
      application_credential_secret: credential.secret,
    }
    const store = createSwiftStore({ ...options, account }, send)
    await store.setOwner('by credential')
    assert.equal(await store.owner(), 'by credential')
  })
})

describe('1 GiB in chunks of 8 MiB, four at a time', () => {
  const CHUNK = 8 * MIB
  const COUNT = 128
  /** Beyond what the tests took before: a chunk goes through several hands. */
  const MOST_MEMORY = 300e6
  const template = randomBytes(CHUNK)

  /** Another chunk for each number. */
  function chunk(number: number) {
    const bytes = new Uint8Array(template)
    new DataView(bytes.buffer).setUint32(0, number)
    return chunkOf(bytes)
  }

  async function fourAtATime(work: (number: number) => Promise<void>): Promise<number> {
    const startedAt = performance.now()
    let next = 0
    const worker = async () => {
      while (next < COUNT) await work(next++)
    }
    await Promise.all(Array.from({ length: 4 }, worker))
    return Math.round((COUNT * CHUNK) / 1000 / (performance.now() - startedAt))
  }

  it('goes in and out whole, with bounded memory', async (t) => {
    const store = createSwiftStore(optionsOf(own, { swift_store_container: 'big' }), send)
    const digests: string[] = []
    await writeFile('/proc/self/clear_refs', '5')
    const before = await peakMemory(process)
    const inwards = await fourAtATime(async (number) => {
      const { digest, bytes } = chunk(number)
      digests[number] = digest
      await store.put(digest, bytes)
    })
    const outwards = await fourAtATime(async (number) => {
      const hash = createHash('sha256')
      for await (const part of (await store.get(digests[number] ?? '')) ?? []) hash.update(part)
      assert.equal(hash.digest('hex'), digests[number])
    })
    const taken = (await peakMemory(process)) - before
    t.diagnostic(
      `in ${inwards} MB/s, out ${outwards} MB/s, ${taken / 1e6} MB of memory over ${before / 1e6}`,
    )
    assert.ok(taken < MOST_MEMORY, `${taken} bytes`)
  })
})
