import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BARE_RAW, createImage, uploadData } from '../support/images.ts'
import {
  compareDownload,
  MIB,
  siteAt,
  startEdge,
  startOrigin,
  temporaryFolders,
  untilActive,
  wholeDownload,
} from '../support/mirrors.ts'
import { environmentOf } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { startS3Server, type S3Server } from '../support/s3-server.ts'
import { damageObject, digestsOf, farStores, fetchesOf } from '../support/s3-site.ts'

let folders: Awaited<ReturnType<typeof temporaryFolders>>
let s3: S3Server
let origin: RunningProcess
let edge: RunningProcess

before(async () => {
  folders = await temporaryFolders(2)
  const [atOrigin = '', atEdge = ''] = folders.paths
  s3 = await startS3Server()
  origin = await startOrigin(atOrigin, environmentOf(farStores(s3, atOrigin)))
  edge = await startEdge(atEdge, origin.url)
})
after(async () => {
  await Promise.all([edge.stop(), origin.stop()])
  s3.close()
  await folders.remove()
})

async function publish(bytes: Buffer<ArrayBuffer>): Promise<string> {
  const site = siteAt(origin.url)
  const { id } = await createImage(site, BARE_RAW)
  assert.equal((await uploadData(site, id, bytes)).status, 204)
  await untilActive(edge.url, id)
  return `/v2/images/${id}/file`
}

describe('an edge behind an origin whose images lie elsewhere', () => {
  it('gets them whole, each chunk having left the store once', async () => {
    const bytes = randomData(6 * MIB)
    const path = await publish(bytes)
    const reads = Array.from({ length: 4 }, () => compareDownload(edge.url, bytes, { path }))
    for (const read of await Promise.all(reads)) assert.deepEqual(read, wholeDownload(6 * MIB))
    assert.deepEqual(fetchesOf(s3, digestsOf(bytes)), [1, 1, 1, 1, 1, 1])
  })

  it('sends nothing of a chunk that is damaged there (503), and the rest (206)', async () => {
    const bytes = randomData(2 * MIB)
    const path = await publish(bytes)
    damageObject(s3, 'images', digestsOf(bytes)[0] ?? '')
    const response = await fetch(`${edge.url}${path}`)
    assert.equal(response.status, 503)
    await response.text()
    const headers = { Range: `bytes=${MIB}-${2 * MIB - 1}` }
    const part = await fetch(`${edge.url}${path}`, { headers })
    assert.equal(part.status, 206)
    assert.ok(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(MIB)))
  })
})
