import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { findDeno, startOnDeno } from '../support/deno.ts'
import {
  compareDownload,
  followingOptions,
  MIB,
  ORIGIN_OPTIONS,
  sha256,
  temporaryFolders,
  wholeDownload,
} from '../support/mirrors.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { createRaw, flipByte, upload } from './data.ts'
import { publish } from './pair.ts'

const SIZE = 16 * MIB
const WHOLE = wholeDownload(SIZE)

const deno = findDeno()
const skip = deno === null ? 'npm has no Deno for this platform' : false

describe('an origin and its edge on Deno', { skip }, () => {
  const bytes = randomData(SIZE)
  let folders: Awaited<ReturnType<typeof temporaryFolders>>
  let origin: RunningProcess
  let edge: RunningProcess
  let path: string

  before(async () => {
    assert.ok(deno)
    folders = await temporaryFolders(2)
    const [atOrigin = '', atEdge = ''] = folders.paths
    origin = await startOnDeno(deno, atOrigin, ORIGIN_OPTIONS)
    edge = await startOnDeno(deno, atEdge, followingOptions(origin.url))
    path = (await publish(origin.url, [edge.url], bytes)).path
  })

  after(async () => {
    await Promise.all([edge.stop(), origin.stop()])
    await folders.remove()
  })

  it('gives right bytes through the edge (200)', async () => {
    assert.deepEqual(await compareDownload(edge.url, bytes, { path }), WHOLE)
  })

  it('gives no wrong byte of a chunk that is damaged as soon as it was stored (503)', async () => {
    const id = await createRaw(origin.url)
    const data = randomData(4 * MIB)
    assert.equal((await upload(origin.url, id, data)).status, 204)
    const digest = sha256(data.subarray(2 * MIB, 3 * MIB))
    await flipByte(join(folders.paths[0] ?? '', 'chunks', digest.slice(0, 2), digest))
    const file = `/v2/images/${id}/file`
    const { right, wrong } = await compareDownload(origin.url, data, { path: file })
    assert.ok(right <= 2 * MIB)
    assert.equal(wrong, false)
    for (const method of ['GET', 'HEAD']) {
      assert.equal((await fetch(`${origin.url}${file}`, { method })).status, 503)
    }
  })

  it('gives them also when the origin has gone (200)', async () => {
    await origin.stop()
    assert.deepEqual(await compareDownload(edge.url, bytes, { path }), WHOLE)
  })
})
