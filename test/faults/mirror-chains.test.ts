import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { freePorts } from '../support/free-ports.ts'
import {
  compareDownload,
  MIB,
  startEdge,
  startOrigin,
  temporaryFolders,
  TOKEN,
  untilActive,
  wholeDownload,
} from '../support/mirrors.ts'
import type { RunningProcess } from '../support/process.ts'
import { type Proxy, startProxy } from '../support/proxy.ts'
import { randomData } from '../support/random-data.ts'
import { eventually } from '../support/server.ts'
import { publish } from './pair.ts'

const SIZE = 16 * MIB
const WHOLE = wholeDownload(SIZE)
const hasNginx = spawnSync('nginx', ['-v']).status === 0

const bytes = randomData(SIZE)
const running: RunningProcess[] = []
let folders: Awaited<ReturnType<typeof temporaryFolders>>
let origin: RunningProcess
let proxy: Proxy
let id: string
let path: string

before(async () => {
  folders = await temporaryFolders(8)
  origin = await started(startOrigin(folderOf(0)))
  proxy = await startProxy(origin.url)
  ;({ id, path } = await publish(origin.url, [], bytes))
})

after(async () => {
  await Promise.all(running.map((server) => server.stop()))
  await proxy.close()
  await folders.remove()
})

describe('an edge that follows an edge', () => {
  it('serves the right bytes, which the origin sends once', async () => {
    const near = await started(startEdge(folderOf(1), proxy.url))
    const far = await started(startEdge(folderOf(2), near.url))
    await untilActive(far.url, id)
    assert.deepEqual(await compareDownload(far.url, bytes, { path }), WHOLE)
    assert.deepEqual(await compareDownload(near.url, bytes, { path }), WHOLE)
    assert.equal(proxy.chunkBytes(), SIZE)
  })
})

describe('edges that follow each other', () => {
  it('refuse to, and say why', async () => {
    const [toFirst, toSecond] = await Promise.all([startProxy(null), startProxy(null)])
    const [first, second] = await Promise.all([
      started(startEdge(folderOf(3), toSecond.url)),
      started(startEdge(folderOf(4), toFirst.url)),
    ])
    toFirst.target = first.url
    await eventually('the second follows the first', 10_000, async () => {
      const headers = { Authorization: `Bearer ${TOKEN}` }
      const response = await fetch(`${second.url}/mirror/v1/head`, { headers })
      return (await response.json()).sites.length === 2 ? true : null
    })
    toSecond.target = second.url
    await eventually('one of them refuses the loop', 10_000, () =>
      /follows this very site: a loop/.test(first.log() + second.log()) ? true : null,
    )
    await Promise.all([toFirst.close(), toSecond.close()])
  })
})

describe('a cache between', { skip: hasNginx ? false : 'nginx is not installed' }, () => {
  let nginx: ChildProcess
  let cacheUrl: string
  let cacheLog: string

  before(async () => {
    const folder = folderOf(5)
    cacheLog = join(folder, 'access.log')
    const [port = 0] = await freePorts(1)
    cacheUrl = `http://127.0.0.1:${port}`
    await mkdir(join(folder, 'logs'))
    await writeFile(join(folder, 'nginx.conf'), configuration({ folder, port, to: origin.url }))
    nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' })
    process.once('exit', () => nginx.kill('SIGKILL'))
    await eventually('nginx answers', 5_000, () =>
      fetch(cacheUrl).then(
        () => true,
        () => null,
      ),
    )
  })

  after(async () => {
    nginx.kill('SIGTERM')
    await once(nginx, 'exit')
  })

  it('is filled by the first edge', async () => {
    const edge = await started(startEdge(folderOf(6), cacheUrl))
    await untilActive(edge.url, id)
    assert.deepEqual(await compareDownload(edge.url, bytes, { path }), WHOLE)
    assert.deepEqual(await chunkAnswers(), { MISS: SIZE / MIB })
  })

  it('serves the second one alone', async () => {
    const edge = await started(startEdge(folderOf(7), cacheUrl))
    await untilActive(edge.url, id)
    assert.deepEqual(await compareDownload(edge.url, bytes, { path }), WHOLE)
    assert.deepEqual(await chunkAnswers(), { MISS: SIZE / MIB, HIT: SIZE / MIB })
  })

  /** How nginx came by the chunks that it sent: the value of its X-Cache-Status. */
  async function chunkAnswers(): Promise<Record<string, number>> {
    const answers: Record<string, number> = {}
    for (const [, status = ''] of (await readFile(cacheLog, 'utf8')).matchAll(/chunks\S+ (\w+)/g)) {
      answers[status] = (answers[status] ?? 0) + 1
    }
    return answers
  }
})

function folderOf(index: number): string {
  return folders.paths[index] ?? ''
}

async function started(starting: Promise<RunningProcess>): Promise<RunningProcess> {
  const server = await starting
  running.push(server)
  return server
}

/** The feed is passed on, what never changes is kept. */
function configuration({ folder, port, to }: { folder: string; port: number; to: string }): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join('\n  ')
  return `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events {}
http {
  ${temporary}
  log_format cache '$uri $upstream_cache_status';
  access_log ${folder}/access.log cache;
  proxy_cache_path ${folder}/cache keys_zone=chunks:1m;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${to};
      proxy_read_timeout 60s;
    }
    location /mirror/v1/chunks/ {
      proxy_pass ${to};
      proxy_cache chunks;
      proxy_cache_lock on;
      add_header X-Cache-Status $upstream_cache_status;
    }
  }
}
`
}
