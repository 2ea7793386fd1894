import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import packageJson from '../../package.json' with { type: 'json' }
import { loadConfig, type RawConfig } from '../../src/config.ts'
import { createUpstream } from '../../src/mirror/upstream/client.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'
import { type RunningServer, serveOnNode } from '../../src/runtime/node.ts'
import { BARE_RAW, createImage, deleteImage, OCTETS } from '../support/images.ts'
import { randomData } from '../support/random-data.ts'
import { eventually } from '../support/server.ts'
import { createTestSite, temporaryFolder } from '../support/site.ts'

const MIB = 2 ** 20
const TOKEN = 'mirror-token'
const mirror = { headers: { Authorization: `Bearer ${TOKEN}` } }

let folders: Awaited<ReturnType<typeof temporaryFolder>>[]
let origin: RunningServer
let edge: RunningServer
let id: string

async function start(dataDir: string | undefined, raw: RawConfig): Promise<RunningServer> {
  const { config } = loadConfig({
    DEFAULT: { bind_port: '0' },
    heliostat: { data_dir: dataDir ?? '', chunk_size: '1MB', shutdown_timeout: '0' },
    ...raw,
  })
  return serveOnNode(config)
}

before(async () => {
  folders = [await temporaryFolder(), await temporaryFolder()]
  origin = await start(folders[0]?.path, { mirror: { tokens: TOKEN } })
  const image = await createImage(siteOf(origin), BARE_RAW)
  id = image.id
  const data = Buffer.concat([randomData(2 * MIB), Buffer.alloc(MIB)])
  assert.equal((await put(id, data)).status, 204)
  edge = await start(folders[1]?.path, {
    mirror: { tokens: TOKEN, upstream: origin.url, upstream_token: TOKEN },
  })
  await eventually('the edge has the image', 10_000, async () => {
    const response = await fetch(`${edge.url}/v2/images/${id}`)
    await response.arrayBuffer()
    return response.ok ? true : null
  })
})

after(async () => {
  await edge.close()
  await origin.close()
  for (const folder of folders) await folder.remove()
})

function siteOf({ url }: RunningServer) {
  return { request: (path: string, init?: RequestInit) => fetch(url + path, init) }
}

function put(image: string, body: Uint8Array<ArrayBuffer>): Promise<Response> {
  return fetch(`${origin.url}/v2/images/${image}/file`, { method: 'PUT', headers: OCTETS, body })
}

/** The numbers by their names, with their labels as they are written. */
async function readNumbers({ url }: RunningServer): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(lines.map((line) => [nameOf(line), Number(line.split(' ').at(-1))]))
}

const nameOf = (line: string) => line.slice(0, line.lastIndexOf(' '))

async function download({ url }: RunningServer): Promise<void> {
  const bytes = await (await fetch(`${url}/v2/images/${id}/file`)).arrayBuffer()
  assert.equal(bytes.byteLength, 3 * MIB)
  // They are counted once all has been sent.
  await setTimeout(50)
}

describe('the metrics of an origin', () => {
  it('are Prometheus text, to a caller without an identity (200)', async () => {
    const response = await fetch(`${origin.url}/metrics`)
    assert.equal(response.status, 200)
    assert.match(response.headers.get('Content-Type') ?? '', /^text\/plain; version=0\.0\.4/)
    const text = await response.text()
    assert.match(text, /^# TYPE heliostat_requests_total counter$/m)
    assert.match(text, /^process_cpu_seconds_total /m)
  })

  it('count requests by route and never by path', async () => {
    await fetch(`${origin.url}/v2/images/${crypto.randomUUID()}`)
    const numbers = await readNumbers(origin)
    const route = 'route="/v2/images/:image_id",status="404"'
    assert.equal(numbers[`heliostat_requests_total{method="GET",${route}}`], 1)
  })

  it('count uploads by how they ended', async () => {
    const { id: other } = await createImage(siteOf(origin), BARE_RAW)
    await fetch(`${origin.url}/v2/images/${other}/file`, {
      method: 'PUT',
      headers: { ...OCTETS, 'X-OpenStack-Image-Size': '5' },
      body: 'four',
    })
    const numbers = await readNumbers(origin)
    assert.equal(numbers['heliostat_uploads_total{result="ok"}'], 1)
    assert.equal(numbers['heliostat_uploads_total{result="failed"}'], 1)
    await deleteImage(siteOf(origin), other)
  })

  it('time requests by route, method and class of status', async () => {
    await fetch(`${origin.url}/v2/images/${crypto.randomUUID()}`)
    await fetch(`${origin.url}/v2/images`, { method: 'PROPFIND' })
    const numbers = await readNumbers(origin)
    const name = 'heliostat_request_duration_seconds'
    const labels = 'method="GET",route="/v2/images/:image_id",status_class="4xx"'
    const count = numbers[`${name}_count{${labels}}`] ?? 0
    assert.ok(count >= 1)
    assert.equal(numbers[`${name}_bucket{le="+Inf",${labels}}`], count)
    assert.ok((numbers[`${name}_sum{${labels}}`] ?? 0) > 0)
    const methods = Object.keys(numbers).map((line) => /method="(\w+)"/.exec(line)?.[1])
    assert.ok(methods.includes('other') && !methods.includes('PROPFIND'))
  })

  it('count the bytes of uploads', async () => {
    const name = 'heliostat_bytes_received_total'
    const before = (await readNumbers(origin))[name] ?? NaN
    const { id: other } = await createImage(siteOf(origin), BARE_RAW)
    assert.equal((await put(other, Buffer.alloc(MIB + 5))).status, 204)
    assert.equal((await readNumbers(origin))[name], before + MIB + 5)
    await deleteImage(siteOf(origin), other)
    // All zeros, it would be resident there without a fetch.
    await eventually('the edge knows that it is gone', 5_000, async () => {
      const { status } = await fetch(`${edge.url}/v2/images/${other}`)
      return status === 404 ? true : null
    })
  })

  it('name the version and the runtime', async () => {
    const numbers = await readNumbers(origin)
    const { version } = packageJson
    const labels = `version="${version}",runtime="node ${process.versions.node}"`
    assert.equal(numbers[`heliostat_build_info{${labels}}`], 1)
  })

  it('tell of its disk, its sweeps and its scrubber', async () => {
    const numbers = await readNumbers(origin)
    assert.equal(numbers['heliostat_disk_full'], 0)
    assert.equal(numbers['heliostat_sweeps_total{result="ok"}'], 1)
    assert.equal(numbers['heliostat_lost_chunks'], 0)
    assert.equal(numbers['heliostat_corrupt_chunks_total'], 0)
  })
})

describe('the metrics of an edge', () => {
  it('count HEAD as a request and not as a download, for which nothing is fetched', async () => {
    const response = await fetch(`${edge.url}/v2/images/${id}/file`, { method: 'HEAD' })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('Content-Length'), String(3 * MIB))
    const numbers = await readNumbers(edge)
    const route = 'route="/v2/images/:image_id/file",status="200"'
    assert.equal(numbers[`heliostat_requests_total{method="HEAD",${route}}`], 1)
    for (const source of ['upstream', 'resident', 'zero']) {
      assert.equal(numbers[`heliostat_bytes_sent_total{source="${source}"}`], 0)
    }
    assert.equal(numbers['heliostat_hits_total'], 0)
    assert.equal(numbers['heliostat_misses_total'], 0)
    const { cached_images: cached } = await (await fetch(`${edge.url}/v2/cache`)).json()
    assert.deepEqual(cached, [])
  })

  it('count bytes by where they came from', async () => {
    await download(edge)
    await download(edge)
    const numbers = await readNumbers(edge)
    assert.equal(numbers['heliostat_bytes_sent_total{source="upstream"}'], 2 * MIB)
    assert.equal(numbers['heliostat_bytes_sent_total{source="resident"}'], 2 * MIB)
    assert.equal(numbers['heliostat_bytes_sent_total{source="zero"}'], 2 * MIB)
  })

  it('count hits, misses and fills', async () => {
    const numbers = await readNumbers(edge)
    assert.equal(numbers['heliostat_misses_total'], 2)
    assert.ok((numbers['heliostat_hits_total'] ?? 0) >= 2)
    assert.equal(numbers['heliostat_fill_seconds_count'], 2)
    assert.equal(numbers['heliostat_upstream_bytes_total'], 2 * MIB)
  })

  it('tell what is resident and how far the feed is', async () => {
    const numbers = await readNumbers(edge)
    assert.equal(numbers['heliostat_resident_bytes'], 2 * MIB)
    assert.equal(numbers['heliostat_resident_limit_bytes'], 10 * 1024 * MIB)
    assert.equal(numbers['heliostat_feed_lag_changes'], 0)
    assert.ok((numbers['heliostat_feed_lag_seconds'] ?? 99) <= 25)
  })
})

describe('the names of metrics', () => {
  it('are those that promtool wants, each with its help', async () => {
    for (const site of [origin, edge]) {
      const text = await (await fetch(`${site.url}/metrics`)).text()
      const kinds = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
      assert.ok(kinds.length > 30)
      for (const [, name = '', kind] of kinds) {
        assert.match(text, new RegExp(`^# HELP ${name} \\S`, 'm'))
        assert.equal(name.endsWith('_total'), kind === 'counter', `${kind} ${name}`)
        assert.doesNotMatch(
          name,
          /_(count|sum|bucket|gauge|counter|histogram|milliseconds|ms|mib|kb)$/,
        )
        assert.match(name, /^[a-z][a-z0-9_]*$/)
      }
    }
  })
})

describe('the timing of fills', () => {
  it('passes on that a chunk is wanted past the caches', async () => {
    const asked: (string | undefined)[] = []
    const server = createServer(({ headers }, outgoing) => {
      asked.push(headers['cache-control'])
      outgoing.end('chunk')
    })
    server.listen(0, '127.0.0.1').unref()
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : ''
    const sites = { urls: [`http://127.0.0.1:${port}`], token: null }
    const chunk = createMetrics().timeFills(createUpstream(sites).chunk)
    await chunk('a'.repeat(64), new Uint8Array(8))
    await chunk('a'.repeat(64), new Uint8Array(8), { fresh: true })
    server.close()
    assert.deepEqual(asked, [undefined, 'no-cache'])
  })
})

describe('metrics that are switched off', () => {
  it('are not to be had (404)', async () => {
    const site = await createTestSite({ heliostat: { metrics: 'false' } })
    assert.equal((await site.request('/metrics')).status, 404)
    await site.close()
  })
})

describe('the status of a mirror', () => {
  it('is asked for with a mirror token only [401]', async () => {
    assert.equal((await fetch(`${edge.url}/mirror/v1/status`)).status, 401)
  })

  it('tells at an edge what is resident, image by image [200]', async () => {
    const status = await eventually('the edge has caught up', 5_000, async () => {
      const response = await fetch(`${edge.url}/mirror/v1/status?images=1`, mirror)
      assert.equal(response.status, 200)
      const told = await response.json()
      return told.upstream.seq === told.upstream.upstream_seq ? told : null
    })
    const { version, head, resident, images } = status
    assert.match(version, /^\d+\.\d+\.\d+/)
    assert.equal(head.sites.length, 2)
    assert.deepEqual([resident.chunks, resident.bytes, resident.misses], [2, 2 * MIB, 2])
    assert.deepEqual(images, [{ id, name: null, size: 3 * MIB, resident: 3 * MIB, pinned: false }])
  })

  it('leaves the images out unless they are asked for [200]', async () => {
    const response = await fetch(`${edge.url}/mirror/v1/status`, mirror)
    assert.equal((await response.json()).images, null)
  })

  it('tells at an origin where the feed stands [200]', async () => {
    const response = await fetch(`${origin.url}/mirror/v1/status`, mirror)
    const { upstream, resident, head } = await response.json()
    assert.deepEqual([upstream, resident], [null, null])
    assert.ok(head.seq > 0)
  })
})
