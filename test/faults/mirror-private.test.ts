import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  askMembers,
  BARE_RAW,
  createImage,
  errorMessage,
  shareImage,
  uploadData,
} from '../support/images.ts'
import { MIB, siteAt, startEdge, startOrigin, temporaryFolders } from '../support/mirrors.ts'
import { environmentOf, TRUSTED } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { eventually } from '../support/server.ts'
import { ADMIN, asCaller } from '../support/site.ts'

const env = environmentOf(TRUSTED)
const owner = asCaller('owner')
const member = asCaller('member')
const stranger = asCaller('stranger')

describe('who may read at an edge that nobody can be asked by', () => {
  const bytes = randomData(3 * MIB)
  const ids = { own: '', lent: '' }
  let folders: Awaited<ReturnType<typeof temporaryFolders>>
  let edge: RunningProcess

  before(async () => {
    folders = await temporaryFolders(2)
    const [atOrigin = '', atEdge = ''] = folders.paths
    const origin = await startOrigin(atOrigin, env)
    ids.own = await publish(origin.url, 'private')
    ids.lent = await publish(origin.url, 'shared')
    await shareImage(siteAt(origin.url), ids.lent, 'member')
    edge = await startEdge(atEdge, origin.url, env)
    for (const id of Object.values(ids)) {
      await eventually('the edge has it', 5_000, async () =>
        (await read(id, owner)) === 200 ? true : null,
      )
    }
    await origin.stop()
  })

  after(async () => {
    await edge.stop()
    await folders.remove()
  })

  it('is the owner, of a private image [200]', async () => {
    assert.deepEqual(await seen(ids.own, owner), [200, 200, true])
  })

  it('is no other project, of a private image [404]', async () => {
    assert.deepEqual(await seen(ids.own, stranger), [404, 404, false])
    assert.deepEqual(await seen(ids.own, member), [404, 404, false])
  })

  it('is whom the owner has shared it with, of a shared image [200]', async () => {
    assert.deepEqual(await seen(ids.lent, member), [200, 200, true])
    assert.deepEqual(await seen(ids.lent, stranger), [404, 404, false])
  })

  it('is told of the members there, but changes none there [403]', async () => {
    const path = `${ids.lent}/members`
    const one = `${path}/member`
    const site = siteAt(edge.url)
    const list = await askMembers(site, { method: 'GET', path }, owner)
    const { members } = await list.json()
    assert.deepEqual([list.status, members.length, members[0].status], [200, 1, 'accepted'])
    assert.equal((await askMembers(site, { method: 'GET', path: one }, member)).status, 200)
    assert.equal((await askMembers(site, { method: 'GET', path: one }, stranger)).status, 404)
    const body = { status: 'rejected' }
    const change = await askMembers(site, { method: 'PUT', path: one, body }, member)
    assert.equal(change.status, 403)
    assert.match(await errorMessage(change), /read-only mirror/)
  })

  it('is an administrator, of any image [200]', async () => {
    assert.deepEqual(await seen(ids.own, ADMIN), [200, 200, true])
  })

  it('is nobody without an identity [401]', async () => {
    assert.equal(await read(ids.own, {}), 401)
    assert.equal(await read(ids.lent, { ...owner, 'X-Identity-Status': 'Invalid' }), 401)
  })

  it('is nobody who only knows the digest of a chunk [401]', async () => {
    const response = await fetch(`${edge.url}/mirror/v1/chunks/${'0'.repeat(64)}`, {
      headers: owner,
    })
    await response.text()
    assert.equal(response.status, 401)
  })

  async function publish(url: string, visibility: string): Promise<string> {
    const { id } = await createImage(siteAt(url), { ...BARE_RAW, visibility }, owner)
    assert.equal((await uploadData(siteAt(url), id, bytes, owner)).status, 204)
    return id
  }

  /** The status of the bytes. */
  async function read(id: string, headers: Record<string, string>): Promise<number> {
    const response = await fetch(`${edge.url}/v2/images/${id}/file`, { headers })
    const body = Buffer.from(await response.arrayBuffer())
    if (response.status === 200) assert.ok(body.equals(bytes))
    return response.status
  }

  /** The status of the record and of the bytes, and whether a list has the image. */
  async function seen(id: string, headers: Record<string, string>) {
    const shown = await fetch(`${edge.url}/v2/images/${id}`, { headers })
    await shown.text()
    const { images } = await (await fetch(`${edge.url}/v2/images`, { headers })).json()
    const isListed = images.some((image: { id: string }) => image.id === id)
    return [shown.status, await read(id, headers), isListed]
  }
})
