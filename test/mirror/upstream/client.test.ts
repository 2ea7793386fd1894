import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { type Manifest, manifestDigest, serializeManifest } from '../../../src/blobs/manifest.ts'
import { HeliostatError } from '../../../src/errors.ts'
import { createUpstream } from '../../../src/mirror/upstream/client.ts'
import { createUpstreamSites } from '../../../src/mirror/upstream/sites.ts'
import type { SnapshotLine } from '../../../src/mirror/upstream/snapshot.ts'
import { keepCollecting } from '../../support/garbage.ts'
import { eventually } from '../../support/server.ts'

type Answer = (incoming: IncomingMessage, outgoing: ServerResponse) => void

const DIGEST = 'a'.repeat(64)
const memory = () => new Uint8Array(8)
const never = new AbortController().signal
const send = (text: string, status = 200): Answer => {
  return (_incoming, outgoing) => outgoing.writeHead(status).end(text)
}
const hangUp: Answer = (incoming) => incoming.socket.destroy()

/** A site whose answers a test chooses. */
async function startSite() {
  const site = {
    url: '',
    answer: send(''),
    asked: [] as string[],
    close: () => server.close(),
  }
  const server = createServer((incoming, outgoing) => {
    site.asked.push(`${incoming.url} ${incoming.headers.authorization}`)
    site.answer(incoming, outgoing)
  })
  server.listen(0, '127.0.0.1').unref()
  await once(server, 'listening')
  const address = server.address()
  site.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  return site
}

type Site = Awaited<ReturnType<typeof startSite>>

describe('the sites that an edge follows', () => {
  let first: Site
  let second: Site
  let upstream: ReturnType<typeof createUpstream>

  before(async () => {
    ;[first, second] = await Promise.all([startSite(), startSite()])
  })

  beforeEach(() => {
    first.answer = send('first')
    second.answer = send('second')
    upstream = createUpstream({ urls: [`${first.url}/`, second.url], token: 'secret' })
  })

  afterEach(() => {
    first.asked = []
    second.asked = []
  })

  after(() => {
    first.close()
    second.close()
  })

  async function chunk(): Promise<string | null> {
    const bytes = await upstream.chunk(DIGEST, memory())
    return bytes && Buffer.from(bytes).toString()
  }

  it('are asked in their order, with the token', async () => {
    assert.equal(await chunk(), 'first')
    assert.deepEqual(first.asked, [`/mirror/v1/chunks/${DIGEST} Bearer secret`])
    assert.deepEqual(second.asked, [])
  })

  it('stand in for each other: what one lacks, another may have [404]', async () => {
    first.answer = send('', 404)
    assert.equal(await chunk(), 'second')
    second.answer = send('', 404)
    assert.equal(await chunk(), null)
  })

  it('are left alone for a while when they fail [500]', async () => {
    first.answer = send('', 500)
    assert.deepEqual([await chunk(), await chunk(), await chunk()], ['second', 'second', 'second'])
    assert.equal(first.asked.length, 1)
  })

  it('are left alone also for a wrong token [401] and a redirect [302]', async () => {
    first.answer = send('', 401)
    second.answer = (_incoming, outgoing) => outgoing.writeHead(302, { Location: '/' }).end()
    await assert.rejects(chunk(), isUnavailable)
  })

  it('are taken back in their order by themselves', async () => {
    first.answer = send('', 500)
    assert.equal(await chunk(), 'second')
    first.answer = send('first')
    const answer = async () => ((await chunk()) === 'first' ? true : null)
    await eventually('the first one is asked again', 1_000, answer)
  })

  it('are asked twice when a connection breaks, before that counts', async () => {
    let breaks = 1
    first.answer = (incoming, outgoing) =>
      breaks-- > 0 ? hangUp(incoming, outgoing) : send('first')(incoming, outgoing)
    assert.equal(await chunk(), 'first')
  })

  it('fail with when to come back once none answers [503], and are not asked before', async () => {
    first.answer = hangUp
    second.answer = hangUp
    await assert.rejects(chunk(), isUnavailable)
    const asked = first.asked.length + second.asked.length
    await assert.rejects(chunk(), isUnavailable)
    assert.equal(first.asked.length + second.asked.length, asked)
  })

  it('fail once for all questions that were under way', async () => {
    first.answer = hangUp
    second.answer = hangUp
    await Promise.allSettled(Array.from({ length: 20 }, chunk))
    await assert.rejects(chunk(), (error) => isUnavailable(error) && retryAfter(error) === '1')
  })

  it('are asked for the head even so, since that has pauses of its own', async () => {
    first.answer = hangUp
    second.answer = hangUp
    await assert.rejects(chunk(), isUnavailable)
    const head = { epoch: 'e', seq: 3, time: 1, sites: ['a'] }
    first.answer = send(JSON.stringify(head))
    assert.deepEqual(await upstream.head(2, 0, never), head)
  })

  it('cannot send more than the chunk may have', async () => {
    first.answer = send('123456789')
    assert.equal(await chunk(), 'second')
  })

  it('stand in for each other also where a chunk comes damaged', async () => {
    const isWhole = async (bytes: Uint8Array) => Buffer.from(bytes).toString() === 'second'
    const bytes = await upstream.chunk(DIGEST, memory(), { isWhole })
    assert.equal(bytes && Buffer.from(bytes).toString(), 'second')
    second.answer = send('third')
    assert.equal(await upstream.chunk(DIGEST, memory(), { isWhole }), null)
  })

  it('are not taken for well by their heads where they never give a chunk [500]', async () => {
    const stands = JSON.stringify({ epoch: 'e', seq: 3, time: 1, sites: ['a'] })
    const tellHead = (others: Answer): Answer => {
      return (incoming, outgoing) =>
        (incoming.url?.includes('/head') ? send(stands) : others)(incoming, outgoing)
    }
    first.answer = tellHead(send('', 500))
    second.answer = tellHead(send('second'))
    const end = performance.now() + 3_000
    while (performance.now() < end) {
      await upstream.head(0, 0, never)
      assert.equal(await chunk(), 'second')
    }
    // Its pauses grow: at once, and after at least 0.25, 0.5, 1 and 2 seconds.
    const asked = first.asked.filter((path) => path.includes('chunks'))
    assert.ok(asked.length <= 4, `${asked.length}`)
  })

  it('may not compress what they send', async () => {
    const asked: unknown[] = []
    first.answer = ({ headers }, outgoing) => {
      asked.push(headers['accept-encoding'])
      outgoing.writeHead(200, { 'Content-Encoding': 'br' }).end('first')
    }
    assert.equal(await chunk(), 'second')
    assert.deepEqual(asked, ['identity'])
  })

  it('cannot send another manifest than was asked for', async () => {
    const manifest: Manifest = {
      size: 3,
      chunkSize: 1 << 20,
      checksum: 'c'.repeat(32),
      hashAlgorithm: 'sha512',
      hashValue: 'c'.repeat(128),
      chunks: [DIGEST],
    }
    first.answer = send(serializeManifest({ ...manifest, size: 4 }))
    second.answer = send(serializeManifest(manifest))
    assert.deepEqual(await upstream.manifest(manifestDigest(manifest), never), manifest)
    assert.equal(second.asked.length, 1)
  })

  it('say so when they have forgotten changes [410]', async () => {
    first.answer = send('', 410)
    assert.equal(await upstream.changes(5, never), null)
  })

  it('do not pass for a feed when they are something else', async () => {
    first.answer = send('<html>')
    second.answer = send('', 404)
    await assert.rejects(upstream.changes(5, never), isUnavailable)
  })

  it('break a snapshot off that ends within a line', async () => {
    first.answer = send('{"epoch":"e","seq":1}\n{"id":')
    const { start, lines } = await upstream.snapshot(never)
    assert.deepEqual(start, { epoch: 'e', seq: 1 })
    await assert.rejects(readAll(lines), /ends in the middle of a record/)
  })
})

describe('what is wrong with the sites that an edge follows', () => {
  let site: Site
  let upstream: ReturnType<typeof createUpstream>

  before(async () => {
    site = await startSite()
  })

  beforeEach(() => {
    upstream = createUpstream({ urls: [site.url, 'http://127.0.0.1:2'], token: 'secret' })
  })

  after(() => site.close())

  async function tells(answer: Promise<unknown>, reason: string): Promise<void> {
    const message = `No upstream answers: ${site.url}: ${reason}; http://127.0.0.1:2: connect ECONNREFUSED 127.0.0.1:2`
    await assert.rejects(answer, (error) => isUnavailable(error) && error.message === message)
  }

  const head = () => upstream.head(0, 0, new AbortController().signal)

  it('is told to the operator', async () => {
    site.answer = send('', 401)
    await tells(head(), 'refuses the token (401): check upstream_token')
    site.answer = send('', 300)
    await tells(head(), 'answers 300: is it a Heliostat with mirror tokens?')
    site.answer = send('<html>')
    await tells(head(), 'answers with something unknown: is it a Heliostat with mirror tokens?')
    site.answer = send('', 502)
    await tells(head(), 'answers 502')
    site.answer = (_incoming, outgoing) => outgoing.writeHead(302, { Location: '/' }).end()
    await tells(head(), 'unexpected redirect')
    site.answer = hangUp
    await tells(head(), 'other side closed')
  })

  it('is told also while they are left alone', async () => {
    site.answer = send('', 401)
    await assert.rejects(upstream.changes(5, never), isUnavailable)
    await tells(upstream.snapshot(never), 'refuses the token (401): check upstream_token')
    assert.equal(site.asked.filter((path) => path.includes('snapshot')).length, 0)
  })

  it('is not told to clients [503]', async () => {
    site.answer = send('', 401)
    const message = 'What is asked for is not all here, and no upstream answers'
    await assert.rejects(upstream.chunk(DIGEST, memory()), { message })
  })
})

describe('a site that falls silent', () => {
  let site: Site
  let stopCollecting: () => void

  before(async () => {
    site = await startSite()
    stopCollecting = keepCollecting()
  })

  after(() => {
    stopCollecting()
    site.close()
  })

  it('is given up, and not asked twice', async () => {
    site.answer = (_incoming, outgoing) => void outgoing.write('x')
    const { ask } = createUpstreamSites({ urls: [site.url], token: null })
    const limit = { head: 10_000, idle: 200 }
    const asking = ask('chunks/x', (response) => response.text(), { limit })
    await assert.rejects(asking, /nothing came for 0\.2 s$/)
    assert.equal(site.asked.length, 1)
  })
})

async function readAll(lines: AsyncIterable<SnapshotLine>): Promise<number> {
  let count = 0
  for await (const _line of lines) count++
  return count
}

function isUnavailable(error: unknown): error is HeliostatError {
  return error instanceof HeliostatError && error.code === 'unavailable'
}

function retryAfter(error: HeliostatError): string | null {
  return new Headers(error.headers).get('Retry-After')
}
