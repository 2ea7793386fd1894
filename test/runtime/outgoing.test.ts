import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { after, before, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type AddressRules, createAddressFilter } from '../../src/http/address-filter.ts'
import { answerWithin } from '../../src/http/deadline.ts'
import { createFilteredFetch } from '../../src/http/filtered-fetch.ts'
import { createOutgoing, type OutgoingOptions } from '../../src/runtime/outgoing.ts'
import { NO_RULES } from '../support/address-rules.ts'
import { CA, CERTIFICATE, KEY } from '../support/certificates.ts'
import { findDeno } from '../support/deno.ts'

const REFUSED = { code: 'invalid', message: /^Address is refused/ }

let server: Server
let tlsServer: Server
let port: number
let tlsPort: number
let connections = 0
let answer: RequestListener

before(async () => {
  const serve: RequestListener = (incoming, outgoing) => answer(incoming, outgoing)
  server = createServer(serve)
  tlsServer = createTlsServer({ key: KEY, cert: CERTIFICATE }, serve)
  port = await listen(server)
  tlsPort = await listen(tlsServer)
})

async function listen(started: Server): Promise<number> {
  started.on('connection', () => connections++)
  // At all addresses of this machine, so that only the filter is between a trick and the server.
  started.listen(0)
  await once(started, 'listening')
  return (started.address() as AddressInfo).port
}

after(() => {
  for (const each of [server, tlsServer]) {
    each.closeAllConnections()
    each.close()
  }
})

beforeEach(() => {
  connections = 0
  answer = (incoming, outgoing) => outgoing.end(`${incoming.method} ${incoming.headers.host}`)
})

/** As images are fetched from where users say, with names that resolve to what a test wants. */
function guarded(names: Record<string, string[]> = {}, rules: Partial<AddressRules> = {}) {
  const filter = createAddressFilter({ ...NO_RULES, ...rules })
  const looked: string[] = []
  const resolve: NonNullable<OutgoingOptions['resolve']> = async (host) => {
    looked.push(host)
    // What it resolves to the first time is taken away, as long as there is more.
    const found = names[host] ?? []
    const addresses = (found.length > 1 ? found.shift() : found[0])?.split(' ') ?? []
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  }
  return { fetch: createFilteredFetch(createOutgoing({ filter, resolve }), filter), looked }
}

async function refuses(urls: string[], names?: Record<string, string[]>): Promise<void> {
  for (const url of urls) {
    await assert.rejects(guarded(names).fetch(url, {}), REFUSED, url)
  }
  assert.equal(connections, 0)
}

describe('an address that a user has chosen', () => {
  it('is not connected to where it is this machine, in whichever spelling', async () => {
    await refuses(
      [
        ...['127.0.0.1', '127.1', '2130706433', '0x7f000001', '0x7f.0.0.1', '017700000001'],
        ...['0177.0.0.1', '0', '0.0.0.0', '127.0.0.1.', '[::1]', '[::]', '[::ffff:127.0.0.1]'],
        ...['[::ffff:7f00:1]', '[::7f00:1]', 'localhost', 'LOCALHOST', 'localhost.', '%6cocalhost'],
        ...['①②⑦.0.0.1', '127。0。0。1', 'user@127.0.0.1', 'store.example@127.0.0.1'],
        ...['[fe80::1%25lo]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]', 'store.example\\@127.0.0.1'],
      ].map((host) => `http://${host}:${port}/`),
    )
  })

  it('is not connected to where its scheme is another', async () => {
    await refuses([`file://localhost/etc/passwd`, 'file:///etc/passwd', `ftp://a.example:${port}/`])
  })

  it('is not connected to on a port that is not allowed', async () => {
    const { fetch } = guarded({ 'a.example': ['127.0.0.1'] }, { allowed_ports: [80, 443] })
    await assert.rejects(fetch(`http://a.example:${port}/`, {}), REFUSED)
    assert.equal(connections, 0)
  })

  it('is not connected to where its name resolves to one that is private', async () => {
    for (const address of [
      ...['127.0.0.1', '::1', '::ffff:127.0.0.1', '0.0.0.0', '::', '10.0.0.1', '192.168.0.1'],
      ...['169.254.169.254', 'fd00:ec2::254', '100.64.0.1', 'fe80::1', '::7f00:1'],
    ]) {
      await refuses([`http://a.example:${port}/`], { 'a.example': [address] })
      // One of several is enough.
      await refuses([`http://a.example:${port}/`], { 'a.example': [`8.8.8.8 ${address}`] })
    }
  })

  it('is looked up once, so that no second answer is connected to', async () => {
    const names = { 'a.example': ['8.8.8.8 127.0.0.1', '127.0.0.1'], 'b.example': ['127.0.0.1'] }
    const { fetch, looked } = guarded(names)
    await assert.rejects(fetch(`http://a.example:${port}/`, {}), REFUSED)
    assert.deepEqual(looked, ['a.example'])
    // The next connection is checked anew.
    await assert.rejects(fetch(`http://a.example:${port}/`, {}), REFUSED)
    assert.deepEqual(looked, ['a.example', 'a.example'])
    assert.equal(connections, 0)
  })

  it('is connected to at the very address that was checked', async () => {
    // This machine, under an address that only the host that is allowed may have; then another.
    const names = { 'a.example': ['127.0.0.2', '127.0.0.1'] }
    let local: string | undefined
    answer = (incoming, outgoing) => {
      local = incoming.socket.localAddress
      outgoing.end('x')
    }
    const { fetch, looked } = guarded(names, { allowed_hosts: ['a.example'] })
    await (await fetch(`http://a.example:${port}/`, {})).text()
    assert.deepEqual(looked, ['a.example'])
    assert.match(local ?? '', /^(::ffff:)?127\.0\.0\.2$/)
    assert.equal(connections, 1)
  })

  it('says so where its name is not known', async () => {
    const filter = createAddressFilter(NO_RULES)
    const resolve = async () => Promise.reject(new Error('queryA ENOTFOUND a.example'))
    const fetch = createFilteredFetch(createOutgoing({ filter, resolve }), filter)
    await assert.rejects(fetch(`http://a.example:${port}/`, {}), (error: Error) => {
      assert.match(String(error.cause), /ENOTFOUND a\.example/)
      return true
    })
  })
})

describe('a redirect', () => {
  const rules = { allowed_hosts: ['a.example', 'b.example'] }
  const names = { 'a.example': ['127.0.0.1'], 'b.example': ['127.0.0.1'] }
  const seen: { path: string | undefined; authorization: string | undefined }[] = []

  /** Answers the first request with a redirect to there. */
  function redirect(location: string, status = 302): void {
    seen.length = 0
    answer = ({ url, headers }, outgoing) => {
      seen.push({ path: url, authorization: headers.authorization })
      if (url === '/first') outgoing.writeHead(status, { Location: location })
      outgoing.end('body')
    }
  }

  const follow = () => {
    const init = { headers: { Authorization: 'Basic secret', Range: 'bytes=0-3' } }
    return guarded(structuredClone(names), rules).fetch(`http://a.example:${port}/first`, init)
  }

  it('is followed to another host that is allowed, without the credentials', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      redirect(`http://b.example:${port}/second#fragment`, status)
      assert.equal(await (await follow()).text(), 'body')
      assert.deepEqual(seen, [
        { path: '/first', authorization: 'Basic secret' },
        { path: '/second', authorization: undefined },
      ])
    }
  })

  it('is followed to another path', async () => {
    redirect('second')
    await (await follow()).text()
    redirect('/second?x')
    await (await follow()).text()
    assert.equal(seen[1]?.path, '/second?x')
  })

  it('is not followed to where a URL could not lead', async () => {
    for (const location of [
      ...[`http://127.0.0.1:${port}/`, `http://2130706433:${port}/`, `http://0x7f.1:${port}/`],
      ...[`http://[::1]:${port}/`, `http://[::ffff:127.0.0.1]:${port}/`, `//127.0.0.1:${port}/`],
      ...[`/\\127.0.0.1:${port}/`, `\\\\127.0.0.1:${port}/`, `http:/127.0.0.1:${port}/`],
      ...[`http:127.0.0.1:${port}/`, `http://user@b.example:${port}/`, `HTTP:\\\\b.example/`],
      ...['file:///etc/passwd', 'file:/etc/passwd', 'gopher://b.example/', 'http://c.example/'],
      ...['data:text/plain,x', 'javascript:1', `http://b.example:${port}\t/`, 'http://'],
    ]) {
      connections = 0
      redirect(location)
      await assert.rejects(follow(), REFUSED, location)
      assert.equal(connections, 1, location)
      assert.equal(seen.length, 1, location)
    }
  })

  it('is not followed to a name that resolves to a private address', async () => {
    redirect(`http://b.example:${port}/second`)
    // Its first host is allowed by an address of its own here.
    const filter = createAddressFilter(NO_RULES)
    const own = createAddressFilter({ ...NO_RULES, allowed_hosts: ['a.example'] })
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }]
    const checkAddress = (host: string, address: string) =>
      (host === 'a.example' ? own : filter).checkAddress(host, address)
    const outgoing = createOutgoing({ filter: { checkAddress }, resolve })
    const fetch = createFilteredFetch(outgoing, filter)
    await assert.rejects(fetch(`http://a.example:${port}/first`, {}), REFUSED)
    assert.equal(connections, 1)
  })

  it('is followed five times', async () => {
    const steps = (last: number) => {
      answer = ({ url = '' }, outgoing) => {
        const step = Number(url.slice(1)) || 0
        if (step < last) outgoing.writeHead(302, { Location: `/${step + 1}` })
        outgoing.end(`step ${step}`)
      }
    }
    steps(5)
    assert.equal(await (await follow()).text(), 'step 5')
    steps(6)
    await assert.rejects(follow(), { code: 'invalid', message: /more than 5 redirects/ })
  })
})

describe('an outgoing request without a filter', () => {
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }]
  const url = () => `https://store.example:${tlsPort}/`
  const causedBy = (pattern: RegExp) => (error: Error) => {
    assert.match(`${error.message} ${String(error.cause)}`, pattern)
    return true
  }

  it('believes the authority that it is given, and no other', async () => {
    const body = await (await createOutgoing({ ca: CA, resolve })(url(), {})).text()
    assert.equal(body, `GET store.example:${tlsPort}`)
    const send = () => createOutgoing({ resolve })(url(), {})
    await assert.rejects(send, causedBy(/certificate/))
  })

  it('believes a certificate only of the host that it asks', async () => {
    const send = () => createOutgoing({ ca: CA, resolve })(`https://a.example:${tlsPort}/`, {})
    await assert.rejects(send, causedBy(/altnames/))
    const byAddress = createOutgoing({ ca: CA })
    assert.equal((await byAddress(`https://127.0.0.1:${tlsPort}/`, {})).status, 200)
  })

  it('believes any certificate where it is told to', async () => {
    assert.equal((await createOutgoing({ insecure: true, resolve })(url(), {})).status, 200)
  })

  it('does not follow a redirect', async () => {
    answer = (_incoming, outgoing) => outgoing.writeHead(302, { Location: '/x' }).end()
    const response = await createOutgoing({})(`http://127.0.0.1:${port}/`, {})
    assert.deepEqual([response.status, response.headers.get('Location')], [302, '/x'])
    assert.equal(connections, 1)
  })

  it('sends a stream with the length that it is given, or chunked', async () => {
    answer = async (incoming, outgoing) => {
      const { length } = await buffer(incoming)
      outgoing.end(`${length} ${incoming.headers['content-length']}`)
    }
    const put = async (headers: Record<string, string>) => {
      const body = new Blob([new Uint8Array(3 << 20)]).stream()
      const init = { method: 'PUT', body, headers, duplex: 'half' }
      return (await createOutgoing({})(`http://127.0.0.1:${port}/`, init)).text()
    }
    assert.equal(await put({ 'Content-Length': '3145728' }), '3145728 3145728')
    assert.equal(await put({}), '3145728 undefined')
  })

  it('has a body that errors where it breaks off', async () => {
    answer = (_incoming, outgoing) => {
      outgoing.setHeader('Content-Length', 1000)
      outgoing.write('half of it', () => outgoing.socket?.destroy())
    }
    const response = await createOutgoing({})(`http://127.0.0.1:${port}/`, {})
    await assert.rejects(response.text(), /closed|terminated|reset/)
  })

  it('can be given up before and after its answer has begun', async () => {
    const stop = new AbortController()
    const send = () => createOutgoing({})(`http://127.0.0.1:${port}/`, { signal: stop.signal })
    answer = (_incoming, outgoing) => void outgoing.write('x')
    const response = await send()
    answer = () => stop.abort(new Error('left'))
    await assert.rejects(send(), /left/)
    await assert.rejects(response.text(), /left/)
    await assert.rejects(send(), /left/)
  })

  it('lets go of the connection of a body that nobody wants', async () => {
    let closed: Promise<unknown> | undefined
    answer = (_incoming, outgoing) => {
      closed = once(outgoing, 'close')
      outgoing.write('x')
    }
    const response = await createOutgoing({})(`http://127.0.0.1:${port}/`, {})
    await response.body?.cancel()
    await closed
  })

  it('has no body where there is none', async () => {
    answer = (incoming, outgoing) => {
      outgoing.writeHead(incoming.method === 'HEAD' ? 200 : 204, { 'X-Two': ['a', 'b'] }).end()
    }
    const send = createOutgoing({})
    for (const method of ['HEAD', 'DELETE']) {
      const response = await send(`http://127.0.0.1:${port}/`, { method })
      assert.deepEqual([response.body, response.headers.get('X-Two')], [null, 'a, b'])
    }
  })

  it('has an answer that a deadline can watch', async () => {
    answer = (_incoming, outgoing) => void outgoing.write('x')
    const send = createOutgoing({})
    const ask = (signal: AbortSignal) => send(`http://127.0.0.1:${port}/`, { signal })
    const response = await answerWithin({ head: 5_000, idle: 50 }, ask)
    await assert.rejects(response.text(), { name: 'TimeoutError' })
  })
})

const deno = 'Deno' in globalThis ? null : findDeno()
if (deno) {
  describe('outgoing requests on Deno', () => {
    it('are refused and made as on Node', async () => {
      const file = fileURLToPath(import.meta.url)
      const args = ['test', '--allow-all', '--no-check', '--no-prompt', file]
      const child = spawn(deno, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
      assert.equal(code, 0, output)
      assert.match(output, /[1-9]\d* passed/)
    })
  })
}
