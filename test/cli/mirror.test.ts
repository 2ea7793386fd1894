import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { chunkFiles } from '../faults/data.ts'
import { BARE_RAW, createImage, uploadData } from '../support/images.ts'
import {
  MIB,
  siteAt,
  startEdge,
  startOrigin,
  temporaryFolders,
  TOKEN,
  untilActive,
} from '../support/mirrors.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { heliostat } from './heliostat.ts'

const CHUNKS = 3

let folders: Awaited<ReturnType<typeof temporaryFolders>>
let atOrigin: string
let atEdge: string
let origin: RunningProcess
let edge: RunningProcess
let id: string

before(async () => {
  folders = await temporaryFolders(2)
  ;[atOrigin = '', atEdge = ''] = folders.paths
  // Its scrubber would set a damaged chunk aside, some time.
  origin = await startOrigin(atOrigin, { HELIOSTAT_MIRROR__SCRUB_MBITS: '0' })
  edge = await startEdge(atEdge, origin.url)
  id = await store('cirros')
  await untilActive(edge.url, id)
})

after(async () => {
  await Promise.all([edge.kill(), origin.kill()])
  await folders.remove()
})

async function store(name: string): Promise<string> {
  const image = await createImage(siteAt(origin.url), { ...BARE_RAW, name })
  const bytes = randomData(CHUNKS * MIB)
  assert.equal((await uploadData(siteAt(origin.url), image.id, bytes)).status, 204)
  return image.id
}

const mirror = (command: string, { url }: { url: string }, ...args: string[]) =>
  heliostat(['mirror', command, '--url', url, ...args], { HELIOSTAT_MIRROR_TOKEN: TOKEN })

const verify = (dataDir: string) => heliostat(['mirror', 'verify', '--data-dir', dataDir, '--json'])

describe('heliostat mirror status', { concurrency: 2 }, () => {
  it('prints how an edge stands to its upstream', async () => {
    const { code, stdout, stderr } = await mirror('status', edge)
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.match(stdout, new RegExp(`^site +${edge.url}, Heliostat \\d`, 'm'))
    assert.match(stdout, /^ready +yes$/m)
    assert.match(stdout, /^upstream +at change (\d+) of \1, heard \d+ s ago$/m)
    assert.match(stdout, /^resident +0 B of 10.0 GiB, 0 chunks$/m)
  })

  it('prints JSON', async () => {
    const { stdout } = await mirror('status', edge, '--json')
    const { upstream, readyz } = JSON.parse(stdout)
    assert.equal(upstream.seq, upstream.upstream_seq)
    assert.equal(readyz.ready, true)
  })

  it('says which token is missing, and keeps the wrong one to itself', async () => {
    const { code, stdout, stderr } = await mirror('status', edge, '--mirror-token', 'wrong-one')
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
    assert.match(stderr, /^heliostat: .*answered 401.*--mirror-token or HELIOSTAT_MIRROR_TOKEN/)
    assert.doesNotMatch(stderr, /wrong-one/)
  })

  it('says that nobody answers', async () => {
    const { code, stderr } = await mirror('status', { url: 'http://127.0.0.1:9' })
    assert.equal(code, 1)
    assert.match(stderr, /^heliostat: No site answers at http:\/\/127.0.0.1:9: .+\n$/)
  })
})

describe('heliostat mirror at an origin', { concurrency: 2 }, () => {
  it('tells by status that it is one', async () => {
    const { code, stdout } = await mirror('status', origin)
    assert.equal(code, 0)
    assert.match(stdout, /^role +origin/m)
    assert.match(stdout, /^stored +3\.0 MiB, 3 chunks$/m)
    const [, edgeId = ''] = /^id +(\S+)$/m.exec((await mirror('status', edge)).stdout) ?? []
    assert.match(
      stdout,
      new RegExp(
        `^follower +${edgeId} from 127\\.0\\.0\\.1: at change \\d+ of \\d+, heard \\d+ s ago$`,
        'm',
      ),
    )
  })

  it('has no cache in which to pin (404)', async () => {
    const { code, stderr } = await mirror('pin', origin, 'cirros')
    assert.equal(code, 1)
    assert.match(stderr, /answered 404: Caching via API is not supported at this site/)
  })

  it('refuses to sync with nobody', async () => {
    const { code, stderr } = await mirror('sync', origin)
    assert.deepEqual(
      { code, stderr },
      { code: 1, stderr: `heliostat: ${origin.url} is no edge: it follows no other site\n` },
    )
  })
})

describe('heliostat mirror pin', { concurrency: 2 }, () => {
  it('has an image lie at the edge, and unpin takes it away', async () => {
    const pinned = await mirror('pin', edge, 'cirros', '--wait', '--timeout', '10')
    assert.deepEqual(pinned, {
      code: 0,
      stdout: `cirros (${id}) is pinned and resident\n`,
      stderr: '',
    })
    const { stdout } = await mirror('status', edge)
    assert.match(stdout, new RegExp(`^image +${id} +100 % of 3.0 MiB, pinned  cirros$`, 'm'))
    const unpinned = await mirror('unpin', edge, id, '--json')
    assert.deepEqual(JSON.parse(unpinned.stdout), { id, pinned: false, resident: false })
    assert.deepEqual(await chunkFiles(atEdge), [])
  })

  it('says that there is no such image', async () => {
    const { code, stderr } = await mirror('pin', edge, 'nonesuch')
    assert.deepEqual(
      { code, stderr },
      { code: 1, stderr: 'heliostat: There is no image "nonesuch"\n' },
    )
  })
})

describe('heliostat mirror verify', () => {
  it('finds a sound origin, and an edge that holds nothing, in order', async () => {
    const [here, there] = await Promise.all([verify(atOrigin), verify(atEdge)])
    assert.equal(here.code, 0)
    const { edge: isEdge, chunks, damaged, missing } = JSON.parse(here.stdout)
    assert.deepEqual(
      { isEdge, chunks, damaged, missing },
      {
        isEdge: false,
        chunks: CHUNKS,
        damaged: [],
        missing: [],
      },
    )
    assert.equal(there.code, 0)
    assert.equal(JSON.parse(there.stdout).missing.length, CHUNKS)
  })

  it('names what is damaged and missing at an origin, with the image, and exits with 1', async () => {
    const [first = '', second = ''] = await chunkFiles(atOrigin)
    const fileOf = (digest: string) => join(atOrigin, 'chunks', digest.slice(0, 2), digest)
    const bytes = await readFile(fileOf(first))
    bytes[4711] = (bytes[4711] ?? 0) ^ 1
    await writeFile(fileOf(first), bytes)
    await rm(fileOf(second))
    const { code, stdout } = await verify(atOrigin)
    assert.equal(code, 1)
    const { damaged, missing } = JSON.parse(stdout)
    assert.deepEqual(damaged, [{ digest: first, images: [id] }])
    assert.deepEqual(missing, [{ digest: second, images: [id] }])
  })

  it('does not take a mistyped folder for an empty site', async () => {
    const { code, stderr } = await verify(join(atOrigin, 'typo'))
    assert.equal(code, 1)
    assert.match(stderr, /^heliostat: There is no registry at ".*typo\/registry.db"/)
  })
})

describe('heliostat mirror sync', () => {
  it('waits until the edge has every change', async () => {
    const last = await store('another')
    assert.match((await mirror('sync', edge)).stdout, /^Caught up: at change \d+\n$/)
    assert.equal((await fetch(`${edge.url}/v2/images/${last}`)).status, 200)
  })

  it('gives up when the origin is gone', async () => {
    await origin.kill()
    const { code, stderr } = await mirror('sync', edge, '--timeout', '1')
    assert.equal(code, 1)
    assert.match(
      stderr,
      /^heliostat: The edge has not caught up within 1 s: the upstream is not heard/,
    )
  })
})
