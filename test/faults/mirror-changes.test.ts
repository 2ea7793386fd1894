import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  actOn,
  BARE_RAW,
  createImage,
  deleteImage,
  patchImage,
  type ShownImage,
  uploadData,
} from '../support/images.ts'
import { MIB, siteAt, startEdge, startOrigin, temporaryFolders } from '../support/mirrors.ts'
import { environmentOf, TRUSTED } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { eventually } from '../support/server.ts'
import { ADMIN, asCaller } from '../support/site.ts'
import { openDatabase } from './data.ts'

const SOON = 1_000
const MISSED = 10_000

const trusted = environmentOf(TRUSTED)
const owner = asCaller('owner')
const stranger = asCaller('stranger')

let folders: Awaited<ReturnType<typeof temporaryFolders>>
let atOrigin: string
let atEdge: string
let origin: RunningProcess
let edge: RunningProcess

before(async () => {
  folders = await temporaryFolders(2)
  ;[atOrigin = '', atEdge = ''] = folders.paths
  origin = await startOrigin(atOrigin, trusted)
  edge = await startEdge(atEdge, origin.url, trusted)
})

after(async () => {
  await Promise.all([edge.stop(), origin.stop()])
  await folders.remove()
})

describe('a change at the origin', () => {
  let image: ShownImage
  const bytes = randomData(3 * MIB)

  before(async () => {
    image = await createImage(siteAt(origin.url), { ...BARE_RAW, name: 'first' }, owner)
    await soon('the image', owner, () => true)
  })

  it('shows in under a second: bytes', async () => {
    assert.equal((await uploadData(siteAt(origin.url), image.id, bytes, owner)).status, 204)
    await soon('the bytes', owner, ({ status }) => status === 'active')
    const response = await fetch(`${edge.url}/v2/images/${image.id}/file`, { headers: owner })
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(bytes))
  })

  it('shows in under a second: a name and a property', async () => {
    await patch([
      { op: 'replace', path: '/name', value: 'second' },
      { op: 'add', path: '/os_distro', value: 'debian' },
    ])
    await soon('the name', owner, (it) => it.name === 'second' && it['os_distro'] === 'debian')
    await patch([{ op: 'remove', path: '/os_distro' }])
    await soon('no property', owner, (it) => !('os_distro' in it))
  })

  it('shows in under a second: tags', async () => {
    const path = `/v2/images/${image.id}/tags/stable`
    await siteAt(origin.url).request(path, { method: 'PUT', headers: owner })
    await soon('the tag', owner, ({ tags }) => tags.includes('stable'))
    await siteAt(origin.url).request(path, { method: 'DELETE', headers: owner })
    await soon('no tag', owner, ({ tags }) => tags.length === 0)
  })

  it('shows in under a second: visibility, which others lose at once', async () => {
    await patch([{ op: 'replace', path: '/visibility', value: 'public' }], ADMIN)
    await soon('the public image', stranger, ({ visibility }) => visibility === 'public')
    await patch([{ op: 'replace', path: '/visibility', value: 'private' }])
    await soon('the private image', owner, ({ visibility }) => visibility === 'private')
    assert.equal(await statusFor(stranger, `/v2/images/${image.id}`), 404)
    assert.equal(await statusFor(stranger, `/v2/images/${image.id}/file`), 404)
    const response = await fetch(`${edge.url}/v2/images`, { headers: stranger })
    assert.deepEqual((await response.json()).images, [])
  })

  it('shows in under a second: a deactivation', async () => {
    await actOn(siteAt(origin.url), image.id, 'deactivate', ADMIN)
    await soon('the deactivation', owner, ({ status }) => status === 'deactivated')
    assert.equal(await statusFor(owner, `/v2/images/${image.id}/file`), 403)
    await actOn(siteAt(origin.url), image.id, 'reactivate', ADMIN)
    await soon('the reactivation', owner, ({ status }) => status === 'active')
  })

  it('shows in under a second: a deletion', async () => {
    assert.equal((await deleteImage(siteAt(origin.url), image.id, owner)).status, 204)
    await eventually('the image is gone', SOON, async () =>
      (await statusFor(owner, `/v2/images/${image.id}`)) === 404 ? true : null,
    )
    assert.equal(await statusFor(ADMIN, `/v2/images/${image.id}/file`), 404)
  })

  it('can only be made there [403]', async () => {
    const response = await patchImage(siteAt(edge.url), image.id, [], ADMIN)
    assert.equal(response.status, 403)
    assert.ok((await response.text()).includes(origin.url))
  })

  async function patch(operations: unknown, headers = owner): Promise<void> {
    const response = await patchImage(siteAt(origin.url), image.id, operations, headers)
    assert.equal(response.status, 200, await response.text())
  }

  function soon(what: string, headers: object, isThere: (image: ShownImage) => boolean) {
    return eventually(`the edge shows ${what}`, SOON, async () => {
      const response = await fetch(`${edge.url}/v2/images/${image.id}`, { headers: { ...headers } })
      const text = await response.text()
      return response.ok && isThere(JSON.parse(text)) ? true : null
    })
  }
})

describe(`${MISSED} changes that an edge has missed`, () => {
  it('are taken over in under 10 seconds after its start', async (t) => {
    await edge.stop()
    await origin.stop()
    makeChanges(atOrigin)
    origin = await startOrigin(atOrigin, trusted)
    const started = Date.now()
    edge = await startEdge(atEdge, origin.url, trusted)
    const database = openDatabase(atEdge)
    const query = `SELECT count(*) FROM images WHERE name = 'missed'`
    await eventually('all changes are there', 10_000, () =>
      Number(database.column(query)[0]) === MISSED ? true : null,
    )
    t.diagnostic(`${MISSED} changes in ${Date.now() - started} ms, the start included`)
    database.close()
  })

  it('did not keep the edge from answering meanwhile', async () => {
    assert.equal(await statusFor(owner, '/v2/images?limit=1'), 200)
  })
})

/** As an origin makes them, each with its own row in the feed, but in four statements. */
function makeChanges(dataDir: string): void {
  const database = openDatabase(dataDir)
  const numbers = `WITH RECURSIVE numbers(n) AS
    (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${MISSED})`
  const id = `printf('00000000-0000-4000-8000-%012d', n)`
  database.run(`INSERT INTO images (id, name, status, visibility, owner, created_at, updated_at)
    ${numbers} SELECT ${id}, 'missed', 'queued', 'shared', 'owner', 1, 1 FROM numbers`)
  database.run(`INSERT INTO image_tags (image_id, value)
    ${numbers} SELECT ${id}, 'stable' FROM numbers`)
  database.run(`INSERT INTO image_properties (image_id, name, value)
    ${numbers} SELECT ${id}, 'os_distro', 'debian' FROM numbers`)
  database.run(`INSERT INTO feed (kind, record_id, changed_at)
    ${numbers} SELECT 'image', ${id}, 1 FROM numbers`)
  database.close()
}

async function statusFor(headers: Record<string, string>, path: string): Promise<number> {
  const response = await fetch(`${edge.url}${path}`, { headers })
  await response.text()
  return response.status
}
