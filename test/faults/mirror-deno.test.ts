import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { findDeno, startOnDeno } from '../support/deno.ts'
import {
  compareDownload,
  followingOptions,
  MIB,
  ORIGIN_OPTIONS,
  temporaryFolders,
  wholeDownload,
} from '../support/mirrors.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
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

  it('gives them also when the origin has gone (200)', async () => {
    await origin.stop()
    assert.deepEqual(await compareDownload(edge.url, bytes, { path }), WHOLE)
  })
})
