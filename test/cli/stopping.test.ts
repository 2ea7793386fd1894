import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createImage, BARE_RAW, OCTETS } from '../support/images.ts'
import { LAUNCHER, serveArguments } from '../support/launcher.ts'
import { type RunningProcess, startServer } from '../support/process.ts'
import { eventually, startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

const dataDir = (name: string) => join(folder.path, name)

/** Resolves when nobody answers there any more. */
const gone = ({ url }: RunningProcess) =>
  eventually('the server has ended', 10_000, () =>
    fetch(url).then(
      () => null,
      () => true,
    ),
  )

/** An answer of 48 MiB that nobody reads yet. */
async function startDownload({ url }: RunningProcess): Promise<IncomingMessage> {
  const site = { request: (path: string, init?: RequestInit) => fetch(url + path, init) }
  const { id } = await createImage(site, BARE_RAW)
  const body = new Uint8Array(48 * 2 ** 20).fill(7)
  const file = `${url}/v2/images/${id}/file`
  assert.equal((await fetch(file, { method: 'PUT', headers: OCTETS, body })).status, 204)
  const [answer]: IncomingMessage[] = await once(get(file), 'response')
  assert.ok(answer)
  return answer
}

describe('a server that npm has started', { concurrency: 2 }, () => {
  it('ends with npm start', async () => {
    const server = await startServer('npm', ['start'], {
      HELIOSTAT_BIND_PORT: '0',
      HELIOSTAT_HELIOSTAT__DATA_DIR: dataDir('npm-start'),
    })
    await server.stop()
    await gone(server)
    await eventually('it says so', 5000, () =>
      /Stopping on SIGTERM/.test(server.log()) ? true : null,
    )
  })

  it('ends with npx, whose shell passes no signal on', async () => {
    const inShell = ['-c', '"$@"; true', 'sh', process.execPath, LAUNCHER]
    const server = await startServer('sh', [...inShell, ...serveArguments(dataDir('npx'))], {
      npm_lifecycle_event: 'npx',
      npm_lifecycle_script: "'heliostat'",
    })
    await server.stop()
    await gone(server)
  })
})

describe('a server that is stopped', { concurrency: 2 }, () => {
  it('takes two signals at once for one, as a terminal and npm send them', async () => {
    const server = await startOnNode(dataDir('twice'))
    const download = await startDownload(server)
    process.kill(server.pid, 'SIGINT')
    const stopped = server.stop()
    let received = 0
    for await (const bytes of download) received += bytes.length
    assert.equal(received, 48 * 2 ** 20)
    assert.equal(await stopped, 0)
  })

  it('ends at once by a later signal', async () => {
    const server = await startOnNode(dataDir('later'))
    const download = await startDownload(server)
    const cut = once(download, 'error')
    const startedAt = performance.now()
    const again = setInterval(() => void server.stop(), 200)
    assert.equal(await server.stop(), 1)
    clearInterval(again)
    download.resume()
    await cut
    assert.ok(performance.now() - startedAt < 15_000, 'It has waited for the download')
  })
})
