import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { PATIENCE } from '../../../src/blobs/remote/patience.ts'
import { createSwiftStore } from '../../../src/blobs/swift/store.ts'
import { gather, randomChunk, read } from '../../support/chunks.ts'
import { startSwiftServer, type SwiftServer, type Trouble } from '../../support/swift-server.ts'

const QUICK = { ...PATIENCE, firstPause: 1, longestPause: 5 }
const SIZE = 1 << 20

let server: SwiftServer
before(async () => {
  server = await startSwiftServer()
})
after(() => server.close())
beforeEach(() => {
  server.containers.clear()
  Object.assign(server, { logins: [], requests: [], pageSize: 10_000 })
  server.trouble = () => null
})

const open = (changes = {}, patience = QUICK) =>
  createSwiftStore(server.options('1', changes), fetch, patience)

async function stored(store = open()) {
  const chunk = randomChunk(SIZE)
  await store.put(chunk.digest, chunk.bytes)
  server.requests = []
  return { store, ...chunk }
}

/** The next requests of this kind get into these troubles, one after another. Tells how many are left. */
function troubles(kind: string, ...all: Trouble[]): () => number {
  server.trouble = (request) => (request.startsWith(kind) ? (all.shift() ?? null) : null)
  return () => all.length
}

const requestsOf = (kind: string) =>
  server.requests.filter((request) => request.startsWith(kind)).length

describe('body from Swift', () => {
  it('goes on where it was cut, several times', async () => {
    const { store, digest, bytes } = await stored()
    const left = troubles('GET glance/chunks', { cut: 1000 }, { cut: 0 }, { cut: 5000 }, 'closed')
    assert.deepEqual(Buffer.compare(await read(await store.get(digest)), bytes), 0)
    assert.equal(left(), 0)
  })

  it('goes on within its span', async () => {
    const { store, digest, bytes } = await stored()
    const left = troubles('GET glance/chunks', { cut: 1000 }, { status: 503 }, { cut: 7 })
    const body = await read(await store.get(digest, { offset: 500, length: 300_000 }))
    assert.equal(Buffer.compare(body, bytes.subarray(500, 300_500)), 0)
    assert.equal(left(), 0)
  })

  it('goes on with a new token where the one before has ended meanwhile (401)', async () => {
    const { store, digest, bytes } = await stored()
    const cut = troubles('GET glance/chunks', { cut: 300_000 })
    const stream = await store.get(digest)
    server.tokens.clear()
    assert.equal(Buffer.compare(await read(stream), bytes), 0)
    assert.equal(cut(), 0)
    assert.equal(server.logins.length, 2)
  })

  it('is given up when it breaks off for ever', async () => {
    const { store, digest } = await stored()
    server.trouble = (request) => (request.startsWith('GET glance/chunks') ? { cut: 10 } : null)
    const stream = await store.get(digest)
    await assert.rejects(read(stream), /Cannot read "chunks\/\w+": container "glance" at http:/)
    assert.equal(requestsOf('GET glance/chunks'), 5)
  })

  it('is tried as often as is set', async () => {
    const { digest } = await stored()
    server.trouble = (request) => (request.startsWith('GET glance/chunks') ? { cut: 10 } : null)
    const store = open({ swift_store_retry_get_count: 9 })
    await assert.rejects(read(await store.get(digest)))
    assert.equal(requestsOf('GET glance/chunks'), 10)
  })

  it('that stands still is begun anew', async () => {
    const { digest, bytes } = await stored()
    const left = troubles('GET glance/chunks', { stall: 1000 }, { stall: 0 })
    const store = open({}, { ...QUICK, idle: 1000, least: 1 })
    assert.equal(Buffer.compare(await read(await store.get(digest)), bytes), 0)
    assert.equal(left(), 0)
  })

  it('of another length than was asked for is none', async () => {
    const { store, digest } = await stored()
    server.trouble = (request) => (request.startsWith('GET glance/chunks') ? { length: 5 } : null)
    const span = { offset: 10, length: 100 }
    await assert.rejects(store.get(digest, span), /sends 5 bytes from 10: wanted 100 from 10/)
    assert.equal(requestsOf('GET glance/chunks'), 1)
  })

  it('ends in an error where the object is another one meanwhile', async () => {
    const { store, digest } = await stored()
    troubles('GET glance/chunks', { cut: 1000 })
    const stream = await store.get(digest)
    const object = server.containers.get('glance')?.get(`chunks/${digest}`)
    assert.ok(object)
    object.bytes = Buffer.from(randomChunk(SIZE).bytes)
    await assert.rejects(read(stream), /changed the object while it was read/)
  })

  it('is not asked for any more once its reader has left', async () => {
    const { store, digest } = await stored()
    const reader = (await store.get(digest))?.getReader()
    await reader?.read()
    await reader?.cancel()
    assert.equal(requestsOf('GET glance/chunks'), 1)
  })
})

describe('put of the Swift store', () => {
  it('has the server check the MD5', async () => {
    const { store, digest, bytes } = await stored()
    const other = bytes.slice()
    other[0] = 255 - (other[0] ?? 0)
    const sent: string[] = []
    server.trouble = (request, { headers }) => {
      if (request.startsWith('PUT')) sent.push(`${headers.etag} ${headers['content-length']}`)
      return null
    }
    await store.delete(digest)
    await store.put(digest, bytes)
    assert.match(sent.join(), /^[0-9a-f]{32} 1048576$/)
  })

  it('replaces what has another length or other bytes, and leaves alone what is whole', async () => {
    const { store, digest, bytes } = await stored()
    const object = server.containers.get('glance')?.get(`chunks/${digest}`)
    assert.ok(object)
    await store.put(digest, bytes)
    assert.equal(requestsOf('PUT'), 0)
    for (const damaged of [bytes.subarray(1), randomChunk(SIZE).bytes]) {
      object.bytes = Buffer.from(damaged)
      server.containers.get('glance')?.set(`chunks/${digest}`, object)
      await store.put(digest, bytes)
      assert.equal(Buffer.compare(await read(await store.get(digest)), bytes), 0)
    }
    assert.equal(requestsOf('PUT'), 2)
  })

  it('is done again where that may help', async () => {
    const { store } = await stored()
    const { digest, bytes } = randomChunk(1000)
    const passing = [503, 500, 429].map((status) => ({ status }))
    const left = troubles('PUT', ...passing, 'closed')
    await store.put(digest, bytes)
    assert.equal(left(), 0)
    const damaged = [422, 498, 409, 408].map((status) => ({ status }))
    const right = troubles('PUT', ...damaged)
    await store.setOwner('again')
    assert.equal(right(), 0)
  })

  it('is not taken for done where the server has something later (202)', async () => {
    const { store } = await stored()
    const left = troubles('PUT', { status: 202 }, { status: 202 })
    await store.setOwner('mine')
    assert.equal(left(), 0)
    assert.equal(await store.owner(), 'mine')
    server.trouble = (request) => (request.startsWith('PUT') ? { status: 202 } : null)
    await assert.rejects(store.setOwner('other'), /has not stored it \(202\)/)
  })

  it('waits as long as the server asks for', async () => {
    const store = open({}, { ...QUICK, longestPause: 10_000 })
    const left = troubles('PUT glance/owner', { status: 503, headers: { 'Retry-After': '1' } })
    const startedAt = performance.now()
    await store.setOwner('mine')
    assert.equal(left(), 0)
    assert.ok(performance.now() - startedAt > 990)
  })

  it('is not done again where that would not help (403, 413, 507), and says why', async () => {
    const { store } = await stored()
    const wanted = { 403: /check the roles/, 413: /look at the quotas/, 507: /no room/ }
    for (const [status, why] of Object.entries(wanted)) {
      server.requests = []
      server.trouble = (request) =>
        request.startsWith('PUT')
          ? { status: Number(status), headers: { 'X-Trans-Id': 'tx7' } }
          : null
      await assert.rejects(store.setOwner('mine'), ({ message }: Error) => {
        assert.match(message, why)
        assert.ok(message.endsWith(`(${status}, transaction tx7)`))
        return true
      })
      assert.equal(requestsOf('PUT'), 1)
    }
  })

  it('creates the container where it may', async () => {
    const store = open()
    assert.equal(await store.get('0'.repeat(64)), null)
    assert.equal(await store.owner(), null)
    assert.deepEqual(await gather(store.list()), [])
    await store.check()
    assert.equal(server.containers.size, 0)
    const { digest, bytes } = randomChunk(10)
    await store.put(digest, bytes)
    assert.deepEqual(await read(await store.get(digest)), bytes)
  })
})

describe('Swift without the container', () => {
  it('is an error of everything, where nobody may create it', async () => {
    const store = open({ swift_store_create_container_on_put: false })
    const { digest, bytes } = randomChunk(10)
    const calls = [
      () => store.get(digest),
      () => store.get(digest, { offset: 0, length: 0 }),
      () => store.put(digest, bytes),
      () => store.delete(digest),
      () => gather(store.list()),
      () => store.owner(),
      () => store.setOwner('me'),
      () => store.check(),
    ]
    for (const call of calls) {
      await assert.rejects(call, /container "glance" at http:\S+ does not exist: create it, or set/)
    }
    assert.equal(server.containers.size, 0)
  })

  it('is told from a container without the chunk', async () => {
    server.containers.set('glance', new Map())
    const store = open({ swift_store_create_container_on_put: false })
    assert.equal(await store.get('0'.repeat(64)), null)
    await store.delete('0'.repeat(64))
    await store.check()
  })
})

describe('list of the Swift store', () => {
  it('goes on after each page, also a shorter one than was asked for', async () => {
    const { store } = await stored()
    const more = Array.from({ length: 6 }, () => randomChunk(1))
    for (const { digest, bytes } of more) await store.put(digest, bytes)
    await store.setOwner('nobody listed')
    const all = (await gather(store.list())).map(({ digest }) => digest)
    assert.equal(all.length, new Set(more.map(({ digest }) => digest)).size + 1)
    server.pageSize = 2
    assert.deepEqual(
      (await gather(store.list())).map(({ digest }) => digest),
      all,
    )
    assert.deepEqual(
      (await gather(store.list(all[2]))).map(({ digest }) => digest),
      all.slice(3),
    )
  })

  it('asks again for a page that was cut or is none', async () => {
    const { store, digest } = await stored()
    const left = troubles('GET glance?', { cut: 10 }, { status: 200 }, { status: 503 })
    assert.deepEqual(
      (await gather(store.list())).map((chunk) => chunk.digest),
      [digest],
    )
    assert.equal(left(), 0)
  })
})

describe('Swift that is not there', () => {
  it('is told by each call, and takes nothing for absent', async () => {
    const gone = await startSwiftServer()
    const store = createSwiftStore(gone.options('1'), fetch, QUICK)
    await store.check()
    await gone.close()
    const { digest, bytes } = randomChunk(10)
    for (const call of [
      () => store.get(digest),
      () => store.put(digest, bytes),
      () => gather(store.list()),
      () => store.owner(),
      () => store.check(),
    ]) {
      await assert.rejects(call, ({ message }: Error) => {
        assert.match(
          message,
          /container "glance" at http:\/\/127\.0\.0\.1:\d+ fails: .*ECONNREFUSED/,
        )
        assert.doesNotMatch(message, /token-|secret-key/)
        return true
      })
    }
  })
})
