import assert from 'node:assert/strict'
import { type IncomingMessage, request } from 'node:http'
import type { LookupFunction } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { S3Options } from '../../../src/blobs/s3/settings.ts'
import { PATIENCE } from '../../../src/blobs/remote/patience.ts'
import { createS3Store } from '../../../src/blobs/s3/store.ts'
import { gather, randomChunk, read } from '../../support/chunks.ts'
import { type S3Server, sendError, startS3Server, type Trouble } from '../../support/s3-server.ts'

const QUICK = { ...PATIENCE, firstPause: 10 }
const HOUR = 3_600_000

let server: S3Server
beforeEach(async () => {
  server = await startS3Server()
})
afterEach(() => server.close())

function open(options: Partial<S3Options> = {}, patience = QUICK) {
  return createS3Store({ ...server.options, ...options }, fetch, patience)
}

/** The first so many requests go wrong. */
function troubled(times: number, trouble: Trouble): void {
  let left = times
  server.trouble = (outgoing, asked) => left-- > 0 && trouble(outgoing, asked)
}

/** Each kind of request comes through, though the first two attempts at it do not. */
async function survives(trouble: Trouble): Promise<void> {
  const { digest, bytes } = randomChunk(1000)
  const store = open()
  troubled(2, trouble)
  await store.put(digest, bytes)
  troubled(2, trouble)
  assert.deepEqual(await read(await store.get(digest)), bytes)
  troubled(2, trouble)
  assert.equal((await gather(store.list())).length, 1)
  troubled(2, trouble)
  await store.delete(digest)
  assert.equal(await store.get(digest), null)
}

describe('a request to S3 is repeated after', () => {
  it('an internal error [500]', () =>
    survives((outgoing) => sendError(outgoing, 500, 'InternalError')))

  it('too much at once [503]', () => survives((outgoing) => sendError(outgoing, 503, 'SlowDown')))

  it('too many requests [429]', () =>
    survives((outgoing) => sendError(outgoing, 429, 'TooManyRequests')))

  it('a body that came too slowly [400]', () =>
    survives((outgoing) => sendError(outgoing, 400, 'RequestTimeout')))

  it('bytes that were damaged on their way [400]', () =>
    survives((outgoing) => sendError(outgoing, 400, 'XAmzContentSHA256Mismatch')))

  it('a proxy without its server [502]', () =>
    survives((outgoing) => {
      outgoing.writeHead(502).end('<html>Bad Gateway</html>')
      return true
    }))

  it('a connection that breaks', () =>
    survives((outgoing) => {
      outgoing.destroy()
      return true
    }))

  it('an error where a success was announced [200]', async () => {
    const { digest, bytes } = randomChunk(1000)
    const store = open()
    let puts = 0
    server.trouble = (outgoing, { method }) =>
      method === 'PUT' && ++puts < 3 && sendError(outgoing, 200, 'InternalError')
    await store.put(digest, bytes)
    assert.equal(puts, 3)
    assert.deepEqual(await read(await store.get(digest)), bytes)
    troubled(2, (outgoing) => sendError(outgoing, 200, 'InternalError'))
    assert.equal((await gather(store.list())).length, 1)
  })

  it('silence', async () => {
    const patience = { ...QUICK, head: 100 }
    troubled(1, () => true)
    assert.equal(await open({}, patience).owner(), null)
  })

  it('as long as it was told to wait, within limits [503]', async () => {
    const store = open({}, { ...QUICK, longestPause: 300 })
    for (const wanted of ['0', '3600', new Date(Date.now() + HOUR).toUTCString()]) {
      troubled(1, (outgoing) => {
        outgoing.setHeader('Retry-After', wanted)
        return sendError(outgoing, 503, 'SlowDown')
      })
      const startedAt = performance.now()
      assert.equal(await store.owner(), null)
      const took = performance.now() - startedAt
      assert.equal(took >= 299, wanted !== '0', `${wanted}: ${took} ms`)
    }
  })
})

describe('a request to S3 is given up', () => {
  it('after some attempts [503]', async () => {
    server.trouble = (outgoing) => sendError(outgoing, 503, 'SlowDown')
    await assert.rejects(open().owner(), {
      message: `Cannot read "owner": bucket "images" at ${server.url} answers 503 SlowDown`,
    })
    assert.equal(server.asked.length, PATIENCE.attempts)
  })

  it('after some time [503]', async () => {
    server.trouble = (outgoing) => sendError(outgoing, 503, 'SlowDown')
    const patience = { ...QUICK, attempts: 1000, total: 2000, longestPause: 50 }
    await assert.rejects(open({}, patience).owner(), /503 SlowDown/)
    assert.ok(server.asked.length > 3 && server.asked.length < 400, `${server.asked.length}`)
  })

  it('after a second attempt, where it only asks how things are [503]', async () => {
    server.trouble = (outgoing) => sendError(outgoing, 503, 'SlowDown')
    await assert.rejects(open().check(), /503 SlowDown/)
    assert.equal(server.asked.length, 2)
    server.trouble = () => true
    await assert.rejects(open({}, { ...QUICK, head: 100 }).check(), /no answer within 0\.1 s/)
    assert.equal(server.asked.length, 4)
  })

  it('at once where another attempt would not help [403, 400, 501]', async () => {
    for (const [status, code] of [
      [403, 'AccessDenied'],
      [400, 'InvalidRequest'],
      [501, 'NotImplemented'],
      [507, 'InsufficientStorage'],
    ] as const) {
      server.asked.length = 0
      server.trouble = (outgoing) => sendError(outgoing, status, code)
      await assert.rejects(open().owner(), new RegExp(`${status} ${code}`))
      assert.equal(server.asked.length, 1)
    }
  })
})

describe('an S3 store that cannot be used says why:', () => {
  const why = async (options: Partial<S3Options> = {}): Promise<string> => {
    const store = open(options)
    const { digest, bytes } = randomChunk(10)
    const texts = []
    for (const action of [
      () => store.check(),
      () => store.put(digest, bytes),
      () => store.get(digest),
      () => store.get(digest, { offset: 0, length: 0 }),
      () => store.delete(digest),
      () => gather(store.list()),
      () => store.owner(),
      () => store.setOwner('me'),
    ]) {
      const error = await action().then(
        () => assert.fail(`${action} resolves`),
        (thrown: unknown) => thrown,
      )
      assert.ok(error instanceof Error)
      assert.match(error.message, /^Cannot .*: bucket "images" at http:\/\/127\.0\.0\.1:\d+ /)
      assert.doesNotMatch(JSON.stringify([error, error.stack]), /secret\+key|Signature=|wrong key/)
      texts.push(error.message.replace(/^Cannot .*: bucket "images" at http:\S+ /, ''))
    }
    assert.deepEqual(new Set(texts).size, 1, texts.join('\n'))
    return texts[0] ?? ''
  }

  it('a wrong access key [403]', async () => {
    const credentials = { accessKey: 'other', secretKey: 'wrong key', sessionToken: null }
    assert.equal(
      await why({ credentials }),
      'does not know the access key: check s3_store_access_key (403 InvalidAccessKeyId)',
    )
  })

  it('a wrong secret key [403]', async () => {
    const credentials = { ...server.options.credentials, secretKey: 'wrong key' }
    assert.equal(
      await why({ credentials }),
      'refuses the signature: check s3_store_secret_key (403 SignatureDoesNotMatch)',
    )
  })

  it('no bucket [404]', async () => {
    server.buckets.clear()
    assert.equal(
      await why(),
      'does not exist: create it, or set s3_store_create_bucket_on_put (404 NoSuchBucket)',
    )
  })

  it('another region [400]', async () => {
    assert.equal(
      await why({ s3_store_region_name: 'mars-1' }),
      'is in another region (400 AuthorizationHeaderMalformed): set s3_store_region_name to "test-1"',
    )
  })

  it('a redirect, which is not followed [301, 307]', async () => {
    let status = 301
    server.trouble = (outgoing) => {
      outgoing.setHeader('Location', 'http://127.0.0.1:1/')
      return sendError(
        outgoing,
        status,
        'PermanentRedirect',
        '<Endpoint>s3.mars-1.example</Endpoint>',
      )
    }
    const elsewhere = (answer: string) =>
      `is elsewhere (${answer} PermanentRedirect): set s3_store_host to "s3.mars-1.example"`
    assert.equal(await why(), elsewhere('301'))
    status = 307
    assert.equal(await why(), elsewhere('307'))
    status = 301
    const redirect = server.trouble
    server.trouble = (outgoing, asked) => {
      outgoing.setHeader('X-Amz-Bucket-Region', 'mars-1')
      return redirect(outgoing, asked)
    }
    assert.match(await why(), /set s3_store_region_name to "mars-1"$/)
  })

  it('something that is no S3 [404]', async () => {
    server.trouble = (outgoing) => {
      outgoing.writeHead(404).end('<html><p>nothing here</html>')
      return true
    }
    assert.equal(await why(), 'answers 404')
  })

  it('nothing at its address', async () => {
    server.close()
    assert.match(await why(), /^fails: .*ECONNREFUSED/)
  })
})

describe('a clock that is wrong', () => {
  it('is set by that of the server', async () => {
    for (const clockAhead of [HOUR, -HOUR, 0]) {
      server.clockAhead = clockAhead
      for (const first of ['put', 'get', 'list'] as const) {
        const store = open()
        const { digest, bytes } = randomChunk(100)
        if (first === 'get') assert.equal(await store.get(digest), null)
        if (first === 'list') await gather(store.list())
        await store.put(digest, bytes)
        server.asked.length = 0
        assert.deepEqual(await read(await store.get(digest)), bytes)
        assert.equal(server.asked.length, 1)
      }
    }
  })

  it('is no excuse for asking for ever [403]', async () => {
    server.clockAhead = HOUR
    server.trouble = (outgoing) => {
      server.clockAhead += HOUR
      return sendError(outgoing, 403, 'RequestTimeTooSkewed')
    }
    await assert.rejects(open().owner(), /403 RequestTimeTooSkewed/)
    assert.equal(server.asked.length, PATIENCE.attempts)
  })
})

describe('a session token', () => {
  it('goes with each request', async () => {
    const credentials = { ...server.options.credentials, sessionToken: 'token' }
    await open({ credentials }).check()
    assert.equal(server.asked[0]?.headers['x-amz-security-token'], 'token')
  })
})

/** Every name is that of this machine. */
function fetchHere(url: string, { method, headers, body }: RequestInit): Promise<Response> {
  const lookup: LookupFunction = (_name, { all }, found) =>
    all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4)
  const options = {
    method: method ?? 'GET',
    headers: Object.fromEntries(new Headers(headers)),
    lookup,
  }
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, async (incoming) => {
      const bytes = new Uint8Array(await buffer(incoming))
      const status = incoming.statusCode ?? 0
      resolve(
        new Response(status === 204 ? null : bytes, { status, headers: responseHeaders(incoming) }),
      )
    })
    outgoing.on('error', reject).end(body)
  })
}

function responseHeaders({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}

describe('a bucket that is a part of the name of its host', () => {
  it('is asked there for all', async () => {
    server.buckets.clear()
    const store = createS3Store(
      {
        ...server.options,
        s3_store_host: `s3.test:${new URL(server.url).port}`,
        s3_store_bucket_url_format: 'virtual',
        s3_store_create_bucket_on_put: true,
      },
      fetchHere,
      QUICK,
    )
    const { digest, bytes } = randomChunk(1000)
    await store.put(digest, bytes)
    assert.deepEqual(await read(await store.get(digest)), bytes)
    assert.equal((await gather(store.list())).length, 1)
    await store.delete(digest)
    assert.equal(await store.get(digest), null)
    assert.deepEqual([...server.buckets.keys()], ['images'])
    const hosts = new Set(server.asked.map(({ headers }) => headers.host))
    assert.deepEqual(hosts, new Set([`images.s3.test:${new URL(server.url).port}`]))
  })
})
