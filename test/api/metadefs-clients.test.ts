/** What Horizon sends, through python-glanceclient, as far as definitions go. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { bodyOf } from '../support/metadefs.ts'
import { TRUSTED } from '../support/options.ts'
import { asCaller, createTestSite, type TestSite } from '../support/site.ts'

const NAMESPACES = '/v2/metadefs/namespaces'
const WATCHDOG = `${NAMESPACES}/OS::Compute::Watchdog`

let site: TestSite
before(async () => {
  site = await createTestSite(TRUSTED)
})
after(() => site.close())

/** The client says nothing of what it accepts, and calls every request without JSON a stream of octets. */
const HEADERS = { Accept: '*/*', 'Content-Type': 'application/octet-stream' }
const asAdmin = asCaller('admin', 'admin,member,reader')

function send(method: string, path: string, body?: unknown, caller = asAdmin): Promise<Response> {
  return site.request(path, {
    method,
    headers: { ...HEADERS, ...caller },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}
const get = async (path: string, caller = asAdmin) =>
  bodyOf(await send('GET', path, undefined, caller), 200)

const IMPORTED = {
  namespace: 'OS::Compute::Watchdog',
  display_name: 'Watchdog Behavior',
  description: 'Compute drivers may enable watchdog behavior over instances.',
  visibility: 'public',
  protected: true,
  resource_type_associations: [
    { name: 'OS::Glance::Image', prefix: 'hw_' },
    { name: 'OS::Cinder::Volume', prefix: 'hw_', properties_target: 'image' },
    { name: 'OS::Nova::Flavor', prefix: 'hw:' },
  ],
  properties: {
    watchdog_action: {
      title: 'Watchdog Action',
      description: 'What is done when the server hangs.',
      type: 'string',
      enum: ['disabled', 'reset', 'poweroff', 'pause', 'none'],
    },
  },
}

/** The client takes these away from what it got before it changes it. */
function editable({
  self: _,
  schema: _s,
  created_at: _c,
  updated_at: _u,
  ...rest
}: object & {
  self?: unknown
  schema?: unknown
  created_at?: unknown
  updated_at?: unknown
}) {
  return rest
}

describe("Horizon's administrator", () => {
  it('imports a namespace', async () => {
    await get('/v2/schemas/metadefs/namespace')
    const created = await bodyOf(await send('POST', NAMESPACES, IMPORTED), 201)
    assert.equal(created.owner, 'admin')
  })

  it('lists namespaces, a page and one more', async () => {
    const { namespaces } = await get(`${NAMESPACES}?limit=21&sort_key=namespace&sort_dir=asc`)
    assert.equal(namespaces[0].namespace, 'OS::Compute::Watchdog')
    assert.equal(namespaces[0].resource_type_associations.length, 3)
    const marker = 'marker=OS::Compute::Watchdog'
    const rest = await get(`${NAMESPACES}?limit=21&${marker}&sort_key=namespace&sort_dir=asc`)
    assert.deepEqual(rest.namespaces, [])
  })

  it('looks at one', async () => {
    const shown = await get(WATCHDOG)
    assert.deepEqual(shown.properties, IMPORTED.properties)
  })

  it('edits whether it is public and protected, and sends all the rest along', async () => {
    const edited = { ...editable(await get(WATCHDOG)), visibility: 'private', protected: false }
    await bodyOf(await send('PUT', WATCHDOG, edited), 200)
    const after = await get(WATCHDOG)
    assert.deepEqual([after.visibility, after.protected], ['private', false])
    await bodyOf(await send('PUT', WATCHDOG, { ...edited, visibility: 'public' }), 200)
  })

  it('changes its associations: removes them all, and adds those that are ticked', async () => {
    const { resource_types } = await get('/v2/metadefs/resource_types')
    assert.equal(resource_types.length, 3)
    const before = await get(`${WATCHDOG}/resource_types`)
    for (const { name } of before.resource_type_associations) {
      const path = `${WATCHDOG}/resource_types/${encodeURIComponent(name)}`
      assert.equal((await send('DELETE', path)).status, 204)
    }
    const ticked = { name: 'OS::Glance::Image', prefix: 'hw_' }
    await bodyOf(await send('POST', `${WATCHDOG}/resource_types`, ticked), 201)
    const { resource_type_associations: left } = await get(`${WATCHDOG}/resource_types`)
    assert.deepEqual([left.length, left[0].prefix], [1, 'hw_'])
  })
})

describe("Horizon's user", () => {
  const asUser = asCaller('demo', 'member,reader')

  it('gets what may be set on an image, under the names that it has there', async () => {
    const query = 'resource_types=OS%3A%3AGlance%3A%3AImage&limit=20'
    const { namespaces } = await get(`${NAMESPACES}?${query}`, asUser)
    const [{ namespace }] = namespaces
    const type = 'resource_type=OS%3A%3AGlance%3A%3AImage'
    const { properties } = await get(`${NAMESPACES}/${namespace}?${type}`, asUser)
    assert.deepEqual(Object.keys(properties), ['hw_watchdog_action'])
  })

  it('is refused what is not his, in words that his client shows (403)', async () => {
    const response = await send('DELETE', WATCHDOG, undefined, asUser)
    assert.equal(response.status, 403)
    assert.match(response.headers.get('Content-Type') ?? '', /^text\/html/)
    assert.match(await response.text(), /<title>403 Forbidden<\/title>/)
  })
})

describe("Horizon's administrator, at last", () => {
  it('deletes the namespace', async () => {
    assert.equal((await send('DELETE', WATCHDOG)).status, 204)
    assert.deepEqual((await get(`${NAMESPACES}?limit=21`)).namespaces, [])
  })
})
