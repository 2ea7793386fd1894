import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openSiteOn } from '../../support/local-site.ts'
import { imageOf, manifestOf, sendJson, startFakeUpstream } from '../../support/fake-upstream.ts'
import { eventually } from '../../support/server.ts'
import { ADMIN, temporaryFolder } from '../../support/site.ts'

/** More than are taken over at once. */
const SNAPSHOT = Array.from({ length: 250 }, () => ({
  ...imageOf(manifestOf('a')),
  status: 'queued',
  visibility: 'shared',
  size: null,
  blob: null,
}))
const [{ id } = { id: '' }] = SNAPSHOT
const START = { epoch: 'e', seq: 1 }
const AUTHORIZED = { Authorization: 'Bearer token' }

type Edge = Awaited<ReturnType<typeof openSiteOn>>

describe('an edge before its first snapshot', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let origin: Awaited<ReturnType<typeof startFakeUpstream>>
  let edge: Edge

  before(async () => {
    folder = await temporaryFolder()
    origin = await startFakeUpstream()
    origin.answers.set('head', sendJson({ ...START, time: 1, sites: ['origin'] }))
    // A snapshot that ends in the middle of a record.
    origin.answers.set('snapshot', (outgoing) => {
      outgoing.write([START, ...SNAPSHOT].map((line) => `${JSON.stringify(line)}\n`).join(''))
      outgoing.end('{"id":')
    })
    edge = await openEdge()
    await untilTold(/ends in the middle/)
  })
  after(async () => {
    await edge.close()
    origin.close()
    await folder.remove()
  })

  const openEdge = () =>
    openSiteOn(folder.path, { mirror: { upstream: origin.url, tokens: 'token' } })

  const untilTold = (reason: RegExp) =>
    eventually(`the edge tells of ${reason}`, 5_000, async () => {
      const { error } = (await (await edge.request('/readyz')).json()).edge
      return reason.test(error ?? '') ? true : null
    })

  const statusOf = async (path: string, init?: RequestInit) =>
    (await edge.request(path, { headers: ADMIN, ...init })).status

  const LATER = [
    '/v2/images',
    '/v2.9/images?name=x',
    `/v2/images/${id}`,
    `/v2/images/${id}/file`,
    `/v2/images/${id}/members`,
    '/v2/metadefs/namespaces',
    '/v2/metadefs/resource_types',
    '/v2/cache',
    '/v2/info/usage',
  ]

  it('says of nothing that it is not there [503]', async () => {
    for (const path of LATER) {
      const response = await edge.request(path, { headers: ADMIN })
      assert.equal(response.status, 503, path)
      assert.match(response.headers.get('Retry-After') ?? '', /^[1-9]\d*$/)
      assert.match(await response.text(), /has not yet heard from its origin/)
    }
  })

  it('says so to whoever only asks for headers, or wants a change, too [503]', async () => {
    assert.equal(await statusOf(`/v2/images/${id}`, { method: 'HEAD', headers: ADMIN }), 503)
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      assert.equal(await statusOf(`/v2/images/${id}`, { method, headers: ADMIN }), 503)
    }
  })

  it('asks who is calling before all else [401]', async () => {
    assert.equal(await statusOf('/v2/images', { headers: {} }), 401)
  })

  it('answers what does not depend on any image [200, 300, 503]', async () => {
    assert.equal(await statusOf('/v2/schemas/image'), 200)
    assert.equal(await statusOf('/'), 300)
    assert.equal(await statusOf('/healthcheck'), 200)
    const readyz = await edge.request('/readyz')
    assert.equal(readyz.status, 503)
    assert.deepEqual((await readyz.json()).reasons, ['never-synced'])
  })

  it('has nothing for those who follow it, who would drop all that they have [503]', async () => {
    const head = await (await edge.request('/mirror/v1/head', { headers: AUTHORIZED })).json()
    assert.equal(head.synced, false)
    for (const path of ['/mirror/v1/snapshot', '/mirror/v1/changes?after=0']) {
      assert.equal(await statusOf(path, { headers: AUTHORIZED }), 503)
    }
  })

  it('starts again after a snapshot that was broken off, and is none the wiser [503]', async () => {
    await edge.close()
    edge = await openEdge()
    assert.equal(await statusOf('/v2/images'), 503)
  })

  it('serves from the first snapshot on [200]', async () => {
    origin.answers.set('snapshot', sendJson(START, ...SNAPSHOT))
    await eventually('the edge serves', 10_000, async () =>
      (await statusOf('/v2/images')) === 200 ? true : null,
    )
    assert.equal(await statusOf(`/v2/images/${id}`), 200)
    assert.equal((await edge.request('/readyz')).status, 200)
    const head = await (await edge.request('/mirror/v1/head', { headers: AUTHORIZED })).json()
    assert.equal(head.synced, undefined)
  })

  it('goes on for ever, also after a start without its origin [200]', async () => {
    await edge.close()
    origin.close()
    edge = await openEdge()
    for (const path of LATER.filter((known) => !known.endsWith('/file'))) {
      assert.equal(await statusOf(path), 200, path)
    }
  })

  it('keeps what it has where its upstream has had no snapshot [200]', async () => {
    await edge.close()
    origin = await startFakeUpstream()
    const unsynced = { epoch: 'other', seq: 0, time: 1, sites: ['near'], synced: false }
    origin.answers.set('head', sendJson(unsynced))
    origin.answers.set('snapshot', sendJson({ epoch: 'other', seq: 0 }))
    edge = await openEdge()
    await untilTold(/has not yet had a snapshot/)
    assert.equal(await statusOf(`/v2/images/${id}`), 200)
  })
})
