import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { HeliostatError } from '../../src/errors.ts'
import { type Manifest, manifestDigest, serializeManifest } from '../../src/blobs/manifest.ts'
import { createUpstream } from '../../src/mirror/upstream.ts'
import { eventually } from '../support/server.ts'

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

  it('cannot send another manifest than was asked for', async () => {
    const manifest: Manifest = {
      size: 3,
      chunkSize: 8,
      checksum: 'c',
      hashAlgorithm: 'sha512',
      hashValue: 'h',
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
    const read: string[] = []
    const reading = async () => {
      for await (const line of await upstream.snapshot(never)) read.push(line)
    }
    await assert.rejects(reading, /ends in the middle of a record/)
    assert.deepEqual(read, ['{"epoch":"e","seq":1}'])
  })
})

function isUnavailable(error: unknown): error is HeliostatError {
  return error instanceof HeliostatError && error.code === 'unavailable'
}

function retryAfter(error: HeliostatError): string | null {
  return new Headers(error.headers).get('Retry-After')
}
