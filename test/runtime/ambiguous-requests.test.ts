import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { findDeno, startOnDeno } from '../support/deno.ts'
import { environmentOf, TRUSTED } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { openSocket } from '../support/raw-socket.ts'
import { startOnNode } from '../support/server.ts'
import { asCaller, temporaryFolder } from '../support/site.ts'

type Start = (folder: string, env: Record<string, string>) => Promise<RunningProcess>

const GET = 'GET /healthcheck HTTP/1.1'
const POST = 'POST /v2/images HTTP/1.1'

const deno = findDeno()
describeRequests('Node', startOnNode)
if (deno) describeRequests('Deno', (folder, env) => startOnDeno(deno, folder, env))

/** What a server on one runtime makes of requests that could be read in two ways. */
function describeRequests(runtime: 'Node' | 'Deno', start: Start): void {
  describe(`on ${runtime}`, () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>
    let server: RunningProcess
    before(async () => {
      folder = await temporaryFolder()
      server = await start(folder.path, environmentOf(TRUSTED))
    })
    after(async () => {
      await server.kill()
      await folder.remove()
    })

    /** The status of the first answer to these lines; "closed" where the connection ends without one. */
    async function statusOf(lines: string[], body = ''): Promise<string> {
      const socket = await openSocket(server.url)
      socket.write(Buffer.from([...lines, 'Connection: close', '', body].join('\r\n'), 'latin1'))
      const answer = await socket.whole().catch(() => '')
      socket.close()
      return /^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 'closed'
    }

    const statusOfAll = (requests: string[][], body?: string) =>
      Promise.all(requests.map((lines) => statusOf(lines, body)))

    const refused = (requests: string[][]) => requests.map(() => '400')

    describe('the host of a request', () => {
      it('is one, as a URL has it (200)', async () => {
        const hosts = ['x', 'a_b.c:9292', '192.0.2.1:80', '[2001:db8::1]:80', '[::1]']
        const found = await statusOfAll(hosts.map((host) => [GET, `Host: ${host}`]))
        assert.deepEqual(found, ['200', '200', '200', '200', '200'])
      })

      it('may be missing in HTTP/1.0 (200)', async () => {
        assert.equal(await statusOf(['GET /healthcheck HTTP/1.0']), '200')
      })

      it('is refused when there are two, the same or not (400)', async () => {
        const requests = [
          [GET, 'Host: x', 'Host: x'],
          [GET, 'Host: x', 'X-Other: y', 'hOST: z'],
          ['GET /healthcheck HTTP/1.0', 'Host: x', 'Host: y'],
          ['GET http://x/healthcheck HTTP/1.1', 'Host: x', 'Host: x'],
        ]
        assert.deepEqual(await statusOfAll(requests), refused(requests))
      })

      it('is refused when it is none (400)', async () => {
        const hosts = [
          '',
          ' ',
          'a b',
          'a,b',
          'u@x',
          'u:p@x',
          'x/y',
          'x?',
          '#x',
          '::1',
          '[x]',
          '[::1',
        ]
        const ports = ['x:1x', 'x:-1', 'x:99999', 'x:', 'x:80:80', 'x y:80']
        const requests = [...hosts, ...ports].map((host) => [GET, `Host: ${host}`])
        assert.deepEqual(await statusOfAll(requests), refused(requests))
        assert.equal(await statusOf(['GET /healthcheck HTTP/1.0', 'Host:']), '400')
      })

      it('is the one of the target where that is a URL', async () => {
        const socket = await openSocket(server.url)
        socket.write('GET http://other/versions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        assert.match(await socket.whole(), /"http:\/\/other\/v2\/"/)
        socket.close()
        const targets = ['http://u:p@other/healthcheck', 'http://a:99999/', 'ftp://x/', 'x:1/']
        const requests = targets.map((target) => [`GET ${target} HTTP/1.1`, 'Host: x'])
        assert.deepEqual(await statusOfAll(requests), refused(requests))
      })
    })

    describe('the length of a body', () => {
      const chunked = '2\r\n{}\r\n0\r\n\r\n'

      it('is refused when there are two of it (400)', async () => {
        const requests = [
          ['Content-Length: 4', 'Transfer-Encoding: chunked'],
          ['Transfer-Encoding: chunked', 'Content-Length: 4'],
          ['Content-Length: 12', 'Content-Length: 2'],
          ['Content-Length: 12, 12'],
          ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
          ['Transfer-Encoding: chunked, chunked'],
        ].map((lines) => [POST, 'Host: x', ...lines])
        assert.deepEqual(await statusOfAll(requests, chunked), refused(requests))
      })

      it('is refused when it is none (400)', async () => {
        const lengths = ['+2', '-2', '0x2', '2 2', 'two']
        const requests = lengths.map((length) => [POST, 'Host: x', `Content-Length: ${length}`])
        assert.deepEqual(await statusOfAll(requests, '{}'), refused(requests))
      })

      it('is not read from chunks in HTTP/1.0 (400)', async () => {
        const old = ['POST /v2/images HTTP/1.0', 'Host: x', 'Transfer-Encoding: chunked']
        assert.equal(await statusOf(old, chunked), '400')
        assert.equal(await statusOf([...old, 'Connection: keep-alive'], chunked), '400')
      })

      it('is known before anything is done, or the connection is closed', async () => {
        for (const coding of ['gzip', 'xchunked', 'identity']) {
          const lines = [POST, 'Host: x', `Transfer-Encoding: ${coding}`]
          assert.match(await statusOf(lines, chunked), /^(400|501|closed)$/, coding)
        }
      })
    })

    describe('a header', () => {
      it('is refused when it goes on in the next line, or has a blank before its colon (400)', async () => {
        const requests = [
          [GET, 'Host: x', ' y'],
          [GET, 'Host: x', 'X-Other: y', '\tz'],
          [GET, 'Host : x'],
          [GET, 'Host: x', 'X-Roles : admin'],
          [GET, 'Host: x', 'X-Other: a\0b'],
          [GET, 'Host: x', 'X-Other: a\rX-Roles: admin'],
        ]
        assert.deepEqual(await statusOfAll(requests), refused(requests))
      })
    })

    describe('the headers of a trusted proxy', () => {
      const PUBLIC = '{"name": "x", "visibility": "public"}'
      const linesOf = (headers: Record<string, string>) =>
        Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
      const MEMBER = linesOf(asCaller('a', 'member,reader'))
      const list = (...lines: string[]) =>
        statusOf(['GET /v2/images HTTP/1.1', 'Host: x', ...lines])

      it('tell who is calling (200)', async () => {
        assert.equal(await list(...MEMBER), '200')
        assert.equal(await list(), '401')
      })

      it('tell nobody when one of them comes twice, which is logged without its value (401)', async () => {
        const again = [
          'X-Roles: admin',
          'x-roles: member,reader',
          'X-ROLES:',
          'X-Project-Id: secret-project',
          'X-Project-Id: a',
          'X-User-Id: secret-user',
          'X-Identity-Status: Confirmed',
        ]
        for (const line of again) assert.equal(await list(...MEMBER, line), '401', line)
        for (const line of again) assert.equal(await list(line, ...MEMBER), '401', line)
        assert.match(server.log(), /Nobody is believed: X-Roles came more than once/)
        assert.doesNotMatch(server.log(), /secret-/)
      })

      it('are no others, however they are spelled (403)', async () => {
        const length = `Content-Length: ${PUBLIC.length}`
        const publish = (...lines: string[]) =>
          statusOf([POST, 'Host: x', length, ...MEMBER, ...lines], PUBLIC)
        const others = [
          'X_Roles',
          'X-Role',
          'X-Service-Roles',
          'X-Roles-',
          'X.Roles',
          'HTTP_X_ROLES',
        ]
        for (const name of others) assert.equal(await publish(`${name}: admin`), '403', name)
        assert.equal(await publish('X-Is-Admin-Project: True', 'X-Tenant-Id: b'), '403')
      })

      it('may list roles with blanks between, but where the runtime cannot tell that from two headers', async () => {
        const spaced = linesOf(asCaller('a', 'member, reader'))
        assert.equal(await list(...spaced), runtime === 'Deno' ? '401' : '200')
      })
    })
  })
}
