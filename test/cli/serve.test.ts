import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { Agent, get, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { makeToken } from '../../src/identity/static-tokens.ts'
import { BARE_RAW, OCTETS } from '../support/images.ts'
import { serveArguments } from '../support/launcher.ts'
import { startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'
import { heliostat } from './heliostat.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

const serve = (name: string, env: Record<string, string> = {}) =>
  startOnNode(join(folder.path, name), { HELIOSTAT_HELIOSTAT__SHUTDOWN_TIMEOUT: '15', ...env })

/** Creates a raw image that holds the bytes, and returns where they are. */
async function storeImage(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const body = JSON.stringify(BARE_RAW)
  const created = await fetch(`${url}/v2/images`, { method: 'POST', body })
  const { file } = await created.json()
  const stored = await fetch(url + file, { method: 'PUT', headers: OCTETS, body: bytes })
  assert.equal(stored.status, 204)
  return url + file
}

describe('heliostat serve that cannot', { concurrency: 2 }, () => {
  const attempt = (...args: string[]) =>
    heliostat(['serve', '--data-dir', join(folder.path, 'failing'), ...args])

  it('says so of a port that is none', async () => {
    const { code, stdout, stderr } = await attempt('--port', 'http')
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.equal(stderr, 'heliostat: [DEFAULT] bind_port: got "http", wanted a whole number\n')
  })

  it('says so of a port that is in use, and ends', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { code, stdout, stderr } = await attempt('--port', String(port))
    other.close()
    assert.equal(code, 1)
    assert.equal(stdout, '')
    const taken = `\\[DEFAULT\\] bind_port: ${port} is taken on 127\\.0\\.0\\.1: stop what listens`
    assert.match(stderr, new RegExp(`^heliostat: ${taken} .*--port$`, 'm'))
  })

  it('says so of a log file in a folder that is not there, and ends', async () => {
    const file = join(folder.path, 'missing', 'heliostat.log')
    const args = serveArguments(join(folder.path, 'failing'))
    assert.deepEqual(await heliostat(args, { HELIOSTAT_LOG_FILE: file }), {
      code: 1,
      stdout: '',
      stderr:
        `heliostat: [DEFAULT] log_file: cannot write "${file}": it is not there, ` +
        `make the folder "${join(folder.path, 'missing')}" first\n`,
    })
  })

  it('says so of a token file with something else in it, and ends', async () => {
    const file = join(folder.path, 'wrong-tokens')
    await writeFile(file, '# tokens\nnone\n')
    const args = serveArguments(join(folder.path, 'failing'))
    const { code, stderr } = await heliostat(args, {
      HELIOSTAT_PASTE_DEPLOY__FLAVOR: 'token',
      HELIOSTAT_HELIOSTAT__TOKEN_FILE: file,
    })
    assert.equal(code, 1)
    assert.match(stderr, /^heliostat: Token 1 is not of the form/m)
  })
})

describe('heliostat serve', { concurrency: 2 }, () => {
  it('knows the tokens of its file, and is out of service while a file says so (503)', async () => {
    const { token, line } = makeToken('ann', 'project-a', 'member,reader')
    const file = join(folder.path, 'tokens.txt')
    await writeFile(file, `# ann\n${line}\n`)
    const outOfService = join(folder.path, 'out-of-service')
    const server = await serve('with-tokens', {
      HELIOSTAT_HEALTHCHECK__DISABLE_BY_FILE_PATH: outOfService,
      HELIOSTAT_PASTE_DEPLOY__FLAVOR: 'token',
      HELIOSTAT_HELIOSTAT__TOKEN_FILE: file,
    })
    const list = (headers = {}) => fetch(`${server.url}/v2/images`, { headers })
    assert.equal((await list({ 'X-Auth-Token': token })).status, 200)
    assert.equal((await list()).status, 401)
    const health = async () => (await fetch(`${server.url}/healthcheck`)).status
    assert.equal(await health(), 200)
    await writeFile(outOfService, '')
    assert.equal(await health(), 503)
    assert.equal(await server.stop(), 0)
    assert.doesNotMatch(server.log(), new RegExp(token))
  })

  it('stops at once when it is idle, whoever stays connected', async () => {
    const server = await serve('idle')
    const agent = new Agent({ keepAlive: true })
    const [answer] = await once(get(`${server.url}/versions`, { agent }), 'response')
    answer.resume()
    await once(answer, 'end')
    const silent = connect(Number(new URL(server.url).port), '127.0.0.1')
    silent.on('error', () => undefined)
    await once(silent, 'connect')
    const startedAt = Date.now()
    assert.equal(await server.stop(), 0)
    const took = Date.now() - startedAt
    agent.destroy()
    silent.destroy()
    assert.ok(took < 10_000, `It took ${took} ms, as if it had waited shutdown_timeout out`)
  })

  it('lets a slow download end before it stops', async () => {
    const size = 48 * 1024 * 1024
    const server = await serve('slow')
    const file = await storeImage(server.url, new Uint8Array(size).fill(7))
    const agent = new Agent({ keepAlive: true })
    const [download]: IncomingMessage[] = await once(get(file, { agent }), 'response')
    assert.ok(download)
    let ended = false
    const stopped = server.stop().finally(() => (ended = true))
    await setTimeout(700)
    assert.equal(ended, false)
    await assert.rejects(fetch(`${server.url}/versions`))
    let received = 0
    for await (const bytes of download) received += bytes.length
    assert.equal(received, size)
    const doneAt = Date.now()
    assert.equal(await stopped, 0)
    const took = Date.now() - doneAt
    agent.destroy()
    assert.ok(took < 2000, `It took ${took} ms after the download`)
  })
})
