import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { eq } from 'drizzle-orm'
import { site as siteTable } from '../../../schema/tables.ts'
import { unloadAll } from '../../../src/metadefs/catalog.ts'
import { changes, head } from '../../../src/mirror/feed/records.ts'
import { takeChanges, takeSnapshot } from '../../../src/mirror/follow/catch-up.ts'
import { createReplica } from '../../../src/mirror/follow/replica.ts'
import { openSnapshot } from '../../../src/mirror/upstream/snapshot.ts'
import { createImage } from '../../support/images.ts'
import { bodyOf, createNamespace, metadefs, refusal } from '../../support/metadefs.ts'
import { createTestSite, type TestSite } from '../../support/site.ts'

const TOKENS = { tokens: 'secret' }
const headers = { Authorization: 'Bearer secret' }
const CONTENTS = {
  visibility: 'public',
  properties: { p: { title: 'P', type: 'integer', default: 5 } },
  objects: [{ name: 'b' }, { name: 'a', required: ['x'], properties: {} }],
  tags: [{ name: 'z' }, { name: 'y' }],
  resource_type_associations: [{ name: 'OS::R', prefix: 'r_' }],
}

let origin: TestSite
let edge: TestSite
let further: TestSite
before(async () => {
  const following = { ...TOKENS, upstream: 'http://origin.example', upstream_token: 'secret' }
  origin = await createTestSite({ mirror: TOKENS })
  edge = await createTestSite({ mirror: following })
  further = await createTestSite({ mirror: following })
})
after(() => Promise.all([origin, edge, further].map((site) => site.close())))

const ask = (site: TestSite, path: string) => site.request(`/mirror/v1/${path}`, { headers })

async function readSnapshot(site: TestSite, query = ''): Promise<string[]> {
  const text = await (await ask(site, `snapshot${query}`)).text()
  return text.trimEnd().split('\n')
}

/** What a site asks of the one that it follows. */
function upstreamAt(site: TestSite) {
  return {
    async changes(afterSeq: number) {
      const response = await ask(site, `changes?after=${afterSeq}`)
      return response.status === 410 ? null : changes.parse(await response.json())
    },
    async snapshot() {
      const { body } = await ask(site, 'snapshot?with=metadefs')
      return openSnapshot(body, () => undefined)
    },
    manifest: async () => 'no upstream has its manifest',
  }
}

/** One step of following: a snapshot the first time. */
async function follow(site: TestSite, from: TestSite): Promise<'snapshot' | 'changes'> {
  const { signal } = new AbortController()
  const parts = { upstream: upstreamAt(from), replica: createReplica(site.registry), signal }
  const now = head.parse(await (await ask(from, 'head')).json())
  const cursor = await parts.replica.cursor()
  if (cursor && (await takeChanges(parts, cursor, now))) return 'changes'
  await takeSnapshot(parts, now)
  return 'snapshot'
}

/** Everything that a site says of definitions. */
async function definitionsAt(site: TestSite) {
  const get = async (path: string) => bodyOf(await metadefs(site, 'GET', path), 200)
  const { namespaces } = await get('namespaces?sort_key=namespace')
  const names: string[] = namespaces.map(({ namespace }: { namespace: string }) => namespace)
  return {
    namespaces,
    types: await get('resource_types'),
    whole: await Promise.all(names.map((name) => get(`namespaces/${name}`))),
    tags: await Promise.all(names.map((name) => get(`namespaces/${name}/tags`))),
    objects: await Promise.all(names.map((name) => get(`namespaces/${name}/objects`))),
  }
}

/** Follows, and finds the same at the edge and at the edge of the edge. */
async function assertSame(): Promise<void> {
  await follow(edge, origin)
  await follow(further, edge)
  const expected = await definitionsAt(origin)
  assert.deepEqual(await definitionsAt(edge), expected)
  assert.deepEqual(await definitionsAt(further), expected)
}

const change = async (method: string, path: string, body?: unknown) => {
  const response = await metadefs(origin, method, `namespaces/${path}`, { body })
  assert.ok(response.ok, await response.text())
}

describe('the definitions at an edge', () => {
  let name: string

  it('are those of the first snapshot', async () => {
    name = await createNamespace(origin, CONTENTS)
    await createNamespace(origin, { protected: true })
    assert.equal(await follow(edge, origin), 'snapshot')
    await assertSame()
    assert.equal((await definitionsAt(edge)).whole.length, 2)
  })

  it('cannot be changed there [403]', async () => {
    const [status, message] = await refusal(await metadefs(edge, 'DELETE', `namespaces/${name}`))
    assert.equal(status, 403)
    assert.match(message, /read-only mirror.* http:\/\/origin\.example/)
  })

  it('follow every change of what a namespace holds', async () => {
    await change('PUT', `${name}/properties/p`, { name: 'q', title: 'Q', type: null })
    await change('DELETE', `${name}/objects/b`)
    await change('POST', `${name}/tags/new`)
    await change('POST', `${name}/resource_types`, { name: 'OS::Second' })
    await change('DELETE', `${name}/resource_types/OS::R`)
    assert.equal(await follow(edge, origin), 'changes')
    await assertSame()
  })

  it('follow a rename and a deletion', async () => {
    await change('PUT', name, { namespace: `${name}::renamed` })
    const gone = await createNamespace(origin, CONTENTS)
    await assertSame()
    await change('DELETE', gone)
    await assertSame()
    name = `${name}::renamed`
  })

  it('may have exchanged their names, and be told so one by one', async () => {
    const other = await createNamespace(origin, { tags: [{ name: 'other' }] })
    await assertSame()
    await change('PUT', name, { namespace: 'between' })
    await change('PUT', other, { namespace: name })
    await change('PUT', 'between', { namespace: other })
    const replica = createReplica(edge.registry)
    const cursor = await replica.cursor()
    assert.ok(cursor)
    const page = await upstreamAt(origin).changes(cursor.seq)
    for (const namespace of page?.metadefs?.namespaces ?? []) {
      const metadefChanges = { namespaces: [namespace], resource_types: [] }
      await replica.apply([], new Map(), null, { changes: metadefChanges, complete: false })
    }
    assert.deepEqual(await definitionsAt(edge), await definitionsAt(origin))
  })

  it('are gone when all are unloaded', async () => {
    await unloadAll(origin.registry)
    await assertSame()
    assert.deepEqual((await definitionsAt(edge)).types, { resource_types: [] })
  })

  it('are those of a later snapshot and no others', async () => {
    await createNamespace(origin, CONTENTS)
    await assertSame()
    await unloadAll(origin.registry)
    await createNamespace(origin, { ...CONTENTS, tags: [] })
    await origin.services.feed.renewEpoch()
    assert.equal(await follow(edge, origin), 'snapshot')
    await assertSame()
  })

  it('come with a snapshot after an upgrade of an edge that has followed images only', async () => {
    await edge.registry.delete(siteTable).where(eq(siteTable.key, 'followed'))
    assert.equal(await follow(edge, origin), 'snapshot')
    await assertSame()
  })
})

describe('the feed of a site that has definitions', () => {
  it('tells of images as it did', async () => {
    const seq = await origin.services.feed.seq()
    const { id } = await createImage(origin)
    const page = await (await ask(origin, `changes?after=${seq}`)).json()
    assert.deepEqual(Object.keys(page), ['epoch', 'seq', 'more', 'changes'])
    assert.deepEqual(Object.keys(page.changes[0]), ['seq', 'image'])
    assert.equal(page.changes[0].image.id, id)
  })

  it('tells of definitions beside images', async () => {
    const seq = await origin.services.feed.seq()
    await createImage(origin)
    const associations = [{ name: 'OS::New' }]
    await createNamespace(origin, { ...CONTENTS, resource_type_associations: associations })
    const page = await (await ask(origin, `changes?after=${seq}`)).json()
    assert.equal(page.changes.length, 1)
    assert.equal(page.metadefs.namespaces.length, 1)
    assert.deepEqual(page.metadefs.resource_types[0].id, 'OS::New')
    assert.equal(page.seq, await origin.services.feed.seq())
  })

  it('has only images in a snapshot for those who ask for no more', async () => {
    const [, ...records] = await readSnapshot(origin)
    assert.ok(records.length > 0)
    for (const record of records) assert.ok('disk_format' in JSON.parse(record))
    const [last] = (await readSnapshot(origin, '?with=metadefs')).slice(-1)
    assert.deepEqual(Object.keys(JSON.parse(last ?? '')), ['metadefs'])
  })
})
