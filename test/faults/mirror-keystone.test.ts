import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BARE_RAW, createImage, downloadData, uploadData } from '../support/images.ts'
import { startKeystone, tokenFor, usingKeystone } from '../support/keystone.ts'
import { MIB, siteAt, startEdge, startOrigin, temporaryFolders } from '../support/mirrors.ts'
import { environmentOf } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { eventually } from '../support/server.ts'

const SEEN = { 'X-Auth-Token': 'seen-before' }
const UNSEEN = { 'X-Auth-Token': 'never-seen' }

describe('an edge that is restarted without its origin and without Keystone', () => {
  const bytes = randomData(3 * MIB)
  let folders: Awaited<ReturnType<typeof temporaryFolders>>
  let edge: RunningProcess
  let id = ''

  before(async () => {
    folders = await temporaryFolders(2)
    const [atOrigin = '', atEdge = ''] = folders.paths
    const keystone = await startKeystone()
    keystone.known.set('seen-before', tokenFor()).set('never-seen', tokenFor())
    const env = environmentOf(usingKeystone(keystone))
    const origin = await startOrigin(atOrigin)
    id = await publish(origin.url)
    edge = await startEdge(atEdge, origin.url, env)
    await eventually('the edge has the image', 5_000, async () =>
      (await download(SEEN)).status === 200 ? true : null,
    )
    await Promise.all([edge.stop(), origin.stop(), keystone.close()])
    edge = await startEdge(atEdge, origin.url, env)
  })

  after(async () => {
    await edge.stop()
    await folders.remove()
  })

  async function publish(url: string): Promise<string> {
    const image = await createImage(siteAt(url), {
      ...BARE_RAW,
      owner: 'demo',
      visibility: 'private',
    })
    const uploaded = await uploadData(siteAt(url), image.id, new Uint8Array(bytes))
    assert.equal(uploaded.status, 204)
    return image.id
  }

  async function download(headers: Record<string, string>) {
    const response = await downloadData(siteAt(edge.url), id, headers)
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()), response }
  }

  it('serves whom it has seen before (200)', async () => {
    const { status, body } = await download(SEEN)
    assert.equal(status, 200)
    assert.ok(body.equals(bytes))
  })

  it('asks all others to come back (503)', async () => {
    const { status, body, response } = await download(UNSEEN)
    assert.equal(status, 503)
    assert.match(response.headers.get('Retry-After') ?? '', /^\d+$/)
    assert.match(body.toString(), /Keystone/)
  })

  it('has no token in its log', () => {
    assert.doesNotMatch(edge.log(), /seen-before|never-seen|pass-word/)
  })
})
