import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type LoadMode, loadNamespace } from '../../src/metadefs/catalog.ts'
import { parseDefinitionFile } from '../../src/metadefs/definition-file.ts'
import { bodyOf, createNamespace, metadefs, refusal, type Request } from '../support/metadefs.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

let site: TestSite
before(async () => {
  site = await createTestSite()
})
after(() => site.close())

const send = (method: string, path = '', request: Request = {}) =>
  metadefs(site, method, `namespaces${path}`, request)
const post = (body: unknown) => send('POST', '', { body })
const put = (name: string, body: unknown) => send('PUT', `/${name}`, { body })
const show = async (name: string, query = '') => bodyOf(await send('GET', `/${name}${query}`), 200)
const list = async (query = '') => bodyOf(await send('GET', query), 200)
const namesOf = ({ namespaces }: { namespaces: { namespace: string }[] }) =>
  namespaces.map(({ namespace }) => namespace)

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

const WHOLE = {
  display_name: 'Watchdog Behavior',
  description: 'What the watchdog does',
  visibility: 'public',
  protected: false,
  owner: 'cloud',
  resource_type_associations: [
    { name: 'OS::Glance::Image', prefix: 'hw_' },
    { name: 'OS::Cinder::Volume', prefix: 'hw:', properties_target: 'image' },
    { name: 'OS::Nova::Server' },
  ],
  properties: {
    watchdog_action: { title: 'Action', type: 'string', enum: ['disabled', 'reset'] },
    watchdog_seconds: { title: 'Seconds', type: 'integer', minimum: 1, default: 30 },
  },
  objects: [
    {
      name: 'Timer',
      description: 'A timer',
      required: ['port'],
      properties: { port: { title: 'Port', type: 'integer', default: 80 } },
    },
  ],
  tags: [{ name: 'first' }, { name: 'second' }],
}

describe('a new namespace', () => {
  it('has the defaults, and an address (201)', async () => {
    const response = await post({ namespace: 'OS::New::Some name.1' })
    assert.equal(
      response.headers.get('Location'),
      'http://localhost/v2/metadefs/namespaces/OS::New::Some%20name.1',
    )
    const { created_at, updated_at, ...rest } = await bodyOf(response, 201)
    assert.match(created_at, TIME)
    assert.equal(updated_at, created_at)
    assert.deepEqual(rest, {
      namespace: 'OS::New::Some name.1',
      visibility: 'private',
      protected: false,
      self: '/v2/metadefs/namespaces/OS::New::Some name.1',
      schema: '/v2/schemas/metadefs/namespace',
    })
    assert.deepEqual(await show('OS::New::Some%20name.1'), { ...rest, created_at, updated_at })
  })

  it('may come with all that it holds, which is told without times (201)', async () => {
    const created = await bodyOf(await post({ namespace: 'OS::New::Whole', ...WHOLE }), 201)
    const { created_at: _created, updated_at: _updated, self: _self, schema: _, ...rest } = created
    assert.deepEqual(rest, {
      namespace: 'OS::New::Whole',
      ...WHOLE,
      properties: {
        ...WHOLE.properties,
        watchdog_seconds: { title: 'Seconds', type: 'integer', minimum: 1, default: '30' },
      },
      objects: [
        {
          ...WHOLE.objects[0],
          properties: { port: { title: 'Port', type: 'integer', default: '80' } },
        },
      ],
    })
  })

  it('is refused where there is one of its name (409)', async () => {
    const namespace = await createNamespace(site)
    assert.deepEqual(await refusal(await post({ namespace })), [
      409,
      `The metadata definition namespace=${namespace} already exists.`,
    ])
  })

  it('is nowhere when something in it is there twice (409)', async () => {
    const tags = [{ name: 'a' }, { name: 'a' }]
    const response = await post({ namespace: 'OS::New::Twice', tags })
    assert.equal(response.status, 409)
    assert.equal((await send('GET', '/OS::New::Twice')).status, 404)
  })

  it('says nothing of what only the service writes (403)', async () => {
    for (const key of ['self', 'schema', 'created_at', 'updated_at']) {
      assert.deepEqual(await refusal(await post({ namespace: 5, [key]: 'x' })), [
        403,
        `Attribute '${key}' is read-only.`,
      ])
    }
  })

  it('is refused in another form (400)', async () => {
    const property = { title: 'A', type: 'string' }
    for (const body of [
      {},
      [],
      { namespace: null },
      { namespace: 'x'.repeat(81) },
      { namespace: 'a\0b' },
      { namespace: 'a\ud800' },
      { namespace: 'x', display_name: '\ud800' },
      { namespace: 'x', tags: [{ name: '\0' }] },
      { namespace: 'x', properties: { '\udc00': property } },
      { namespace: 'x', properties: { a: { ...property, enum: [{ deep: ['\ud800'] }] } } },
      { namespace: 'x', display_name: 'x'.repeat(81) },
      { namespace: 'x', description: 'x'.repeat(501) },
      { namespace: 'x', visibility: 'shared' },
      { namespace: 'x', protected: 'true' },
      { namespace: 'x', owner: 'x'.repeat(256) },
      { namespace: 'x', colour: 'red' },
      { namespace: 'x', tags: ['a'] },
      { namespace: 'x', tags: [{ name: 'x'.repeat(81) }] },
      { namespace: 'x', resource_type_associations: [{}] },
      { namespace: 'x', objects: [{ name: 'x', properties: { a: { title: 'A' } } }] },
      { namespace: 'x', properties: { a: { type: 'string' } } },
      { namespace: 'x', properties: { a: { ...property, type: 'text' } } },
      { namespace: 'x', properties: { a: { ...property, colour: 'red' } } },
      { namespace: 'x', properties: { ['x'.repeat(81)]: property } },
    ]) {
      const [status, message] = await refusal(await post(body))
      assert.equal(status, 400, JSON.stringify(body))
      assert.match(message, /^Provided object does not match schema 'namespace': /)
    }
  })

  it('is refused without a body, or with one that is not JSON (400)', async () => {
    assert.deepEqual(await refusal(await send('POST')), [400, 'Body expected in request.'])
    assert.deepEqual(await refusal(await post('{')), [400, 'Malformed JSON in request body.'])
  })
})

describe('a namespace that is shown', () => {
  let name: string
  before(async () => {
    name = await createNamespace(site, WHOLE)
  })

  it('has all that it holds, the newest tags first (200)', async () => {
    const shown = await show(name)
    assert.deepEqual(Object.keys(shown), [
      'namespace',
      'display_name',
      'description',
      'visibility',
      'protected',
      'owner',
      'created_at',
      'updated_at',
      'self',
      'schema',
      'resource_type_associations',
      'properties',
      'objects',
      'tags',
    ])
    assert.deepEqual(shown.tags, [{ name: 'second' }, { name: 'first' }])
    const [object] = shown.objects
    assert.equal(object.self, `/v2/metadefs/namespaces/${name}/objects/Timer`)
    assert.equal(object.schema, '/v2/schemas/metadefs/object')
    assert.match(object.updated_at, TIME)
    const [association, , last] = shown.resource_type_associations
    assert.match(association.created_at, TIME)
    assert.deepEqual(Object.keys(last), ['name', 'created_at', 'updated_at'])
  })

  it('names its properties as a resource type has them (200)', async () => {
    const { properties, objects } = await show(name, '?resource_type=OS::Glance::Image')
    assert.deepEqual(Object.keys(properties), ['hw_watchdog_action', 'hw_watchdog_seconds'])
    assert.deepEqual(Object.keys(objects[0].properties), ['hw_port'])
    assert.deepEqual(objects[0].required, ['hw_port'])
  })

  it('stays as it is for a resource type without a prefix, and for others (200)', async () => {
    const plain = await show(name)
    assert.deepEqual(await show(name, '?resource_type=OS::Nova::Server'), plain)
    assert.deepEqual(await show(name, '?resource_type=OS::Heat::Stack'), plain)
    assert.deepEqual(await show(name, '?resource_type=&colour=red'), plain)
  })

  it('must be there (404)', async () => {
    assert.deepEqual(await refusal(await send('GET', '/OS::Nowhere')), [
      404,
      'Metadata definition namespace=OS::Nowhere was not found.',
    ])
  })

  it('is asked for, and deleted, without a body (400)', async () => {
    const headers = { 'Content-Length': '2' }
    assert.equal((await send('GET', `/${name}`, { headers })).status, 400)
    assert.equal((await send('DELETE', `/${name}`, { headers })).status, 400)
  })
})

describe('a namespace that was loaded from a file', () => {
  const FILE = {
    namespace: 'OS::Loaded',
    resource_type_associations: [{ name: 'OS::Loaded::Type' }],
    objects: [{ name: 'o' }],
    tags: [{ name: 't' }],
  }
  const load = (mode: LoadMode) =>
    loadNamespace(site.registry, parseDefinitionFile(JSON.stringify(FILE)), mode)
  const all = async () => {
    const shown = await show(FILE.namespace)
    const tag = await bodyOf(await send('GET', `/${FILE.namespace}/tags/t`), 200)
    const types = await bodyOf(await metadefs(site, 'GET', 'resource_types'), 200)
    const type = types.resource_types.find(
      ({ name }: { name: string }) => name === 'OS::Loaded::Type',
    )
    return [shown, shown.objects[0], shown.resource_type_associations[0], tag, type]
  }

  it('was never updated, nor was anything that came with it (200)', async () => {
    await load('skip')
    for (const one of await all()) {
      assert.match(one.created_at, TIME)
      assert.ok(!('updated_at' in one), JSON.stringify(one))
    }
  })

  it('is updated when somebody changes it, or a new file does (200)', async () => {
    const put = await send('PUT', `/${FILE.namespace}/objects/o`, { body: { name: 'o' } })
    assert.match((await bodyOf(put, 200)).updated_at, TIME)
    await load('prefer-new')
    const [namespace, object, association, tag] = await all()
    for (const one of [namespace, object, association, tag]) assert.match(one.updated_at, TIME)
  })

  it('was never updated again once a file has replaced it (200)', async () => {
    await load('overwrite')
    for (const one of await all()) assert.ok(!('updated_at' in one), JSON.stringify(one))
  })
})

describe('a namespace that is put', () => {
  it('loses what is not given, and keeps what it holds (200)', async () => {
    const name = await createNamespace(site, WHOLE)
    const answer = await bodyOf(await put(name, { namespace: name, tags: [] }), 200)
    const { created_at: _created, updated_at: _updated, ...rest } = answer
    assert.deepEqual(rest, {
      namespace: name,
      visibility: 'private',
      protected: false,
      self: `/v2/metadefs/namespaces/${name}`,
      schema: '/v2/schemas/metadefs/namespace',
    })
    const shown = await show(name)
    assert.equal(shown.tags.length, 2)
    assert.equal(shown.owner, undefined)
  })

  it('belongs to the caller when its owner is empty (200)', async () => {
    const name = await createNamespace(site, WHOLE)
    await bodyOf(await put(name, { namespace: name, owner: '' }), 200)
    assert.equal((await show(name)).owner, undefined)
  })

  it('may get another name (200)', async () => {
    const name = await createNamespace(site, WHOLE)
    await bodyOf(await put(name, { namespace: `${name}::moved` }), 200)
    assert.equal((await send('GET', `/${name}`)).status, 404)
    assert.equal(Object.keys((await show(`${name}::moved`)).properties).length, 2)
  })

  it('may not get the name of another (409)', async () => {
    const [first, second] = [await createNamespace(site), await createNamespace(site)]
    assert.equal((await put(first, { namespace: second })).status, 409)
  })

  it('must be there, and named (404, 400)', async () => {
    assert.deepEqual(await refusal(await put('OS::Nowhere', { namespace: 'x' })), [
      404,
      'Namespace OS::Nowhere not found',
    ])
    assert.equal((await put('OS::Nowhere', {})).status, 400)
  })

  it('may be sent back with all that was shown of what it holds (200)', async () => {
    const name = await createNamespace(site, WHOLE)
    const { self: _, schema: _s, created_at: _c, updated_at: _u, ...shown } = await show(name)
    assert.equal((await put(name, shown)).status, 200)
  })
})

describe('a namespace that is deleted', () => {
  it('is gone with all that it holds, but not its resource types (204)', async () => {
    const name = await createNamespace(site, {
      resource_type_associations: [{ name: 'OS::Kept' }],
      tags: [{ name: 'a' }],
    })
    const response = await send('DELETE', `/${name}`)
    assert.equal(response.status, 204)
    assert.equal(await response.text(), '')
    assert.equal((await send('DELETE', `/${name}`)).status, 404)
    const { resource_types } = await bodyOf(await metadefs(site, 'GET', 'resource_types'), 200)
    assert.ok(resource_types.some((type: { name: string }) => type.name === 'OS::Kept'))
    await bodyOf(await post({ namespace: name }), 201)
    assert.equal((await show(name)).tags, undefined)
  })

  it('is not protected (403)', async () => {
    const name = await createNamespace(site, { protected: true })
    assert.deepEqual(await refusal(await send('DELETE', `/${name}`)), [
      403,
      `Metadata definition namespace ${name} is protected and cannot be deleted.`,
    ])
    await bodyOf(await put(name, { namespace: name }), 200)
    assert.equal((await send('DELETE', `/${name}`)).status, 204)
  })
})

describe('the list of namespaces', () => {
  before(async () => {
    await site.close()
    site = await createTestSite()
    for (const name of ['b', 'a', 'c']) {
      const type = { name: name === 'a' ? 'OS::One' : 'OS::Two' }
      const visibility = name === 'c' ? 'public' : 'private'
      await createNamespace(site, {
        namespace: name,
        visibility,
        resource_type_associations: [type],
        tags: [{ name: 'a' }],
      })
      // The order of creation is told by milliseconds.
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
  })

  it('begins with the newest, and has the associations (200)', async () => {
    const found = await list()
    assert.deepEqual(Object.keys(found), ['namespaces', 'first', 'schema'])
    assert.equal(found.first, '/v2/metadefs/namespaces')
    assert.equal(found.schema, '/v2/schemas/metadefs/namespaces')
    assert.deepEqual(namesOf(found), ['c', 'a', 'b'])
    assert.equal(found.namespaces[0].resource_type_associations[0].name, 'OS::Two')
    assert.equal(found.namespaces[0].tags, undefined)
  })

  it('is sorted as asked (200)', async () => {
    assert.deepEqual(namesOf(await list('?sort_key=namespace&sort_dir=asc')), ['a', 'b', 'c'])
    assert.deepEqual(namesOf(await list('?sort_dir=asc')), ['b', 'a', 'c'])
    assert.deepEqual(namesOf(await list('?sort_key=visibility&sort_dir=asc')), ['b', 'a', 'c'])
  })

  it('comes in pages that lead to each other (200)', async () => {
    const keys = ['namespace', 'display_name', 'protected']
    for (const sorting of ['sort_dir=asc', ...keys.map((key) => `sort_key=${key}`)]) {
      const whole = namesOf(await list(`?${sorting}`))
      const first = await list(`?${sorting}&limit=2`)
      assert.equal(first.first, `/v2/metadefs/namespaces?${sorting}&limit=2`)
      const next = await bodyOf(await site.request(first.next), 200)
      assert.equal(next.next, undefined)
      assert.deepEqual([...namesOf(first), ...namesOf(next)], whole)
    }
    assert.deepEqual((await list('?limit=0')).namespaces, [])
    assert.equal((await list('?limit=5000')).next, undefined)
  })

  it('is filtered (200)', async () => {
    assert.deepEqual(namesOf(await list('?visibility=public')), ['c'])
    assert.deepEqual(namesOf(await list('?visibility=private')), ['a', 'b'])
    assert.deepEqual(namesOf(await list('?resource_types=OS::One')), ['a'])
    assert.deepEqual(namesOf(await list('?resource_types=OS::One,OS::Two')), ['c', 'a', 'b'])
    assert.deepEqual(namesOf(await list('?resource_types=OS::None')), [])
    assert.deepEqual(namesOf(await list('?colour=red')), ['c', 'a', 'b'])
  })

  it('is refused for what makes no sense (400)', async () => {
    for (const query of ['limit=-1', 'limit=x', 'sort_key=colour', 'sort_dir=up', 'visibility=x']) {
      assert.equal((await send('GET', `?${query}`)).status, 400, query)
    }
    assert.deepEqual(await refusal(await send('GET', '?visibility=x')), [
      400,
      'Invalid visibility value: x',
    ])
  })

  it('has no page after an unknown marker (404)', async () => {
    assert.equal((await send('GET', '?marker=nowhere')).status, 404)
  })
})

describe('the paths of definitions', () => {
  const allowed = async (path: string) => (await metadefs(site, 'PATCH', path)).headers.get('Allow')

  it('name their methods (405)', async () => {
    assert.equal(await allowed('namespaces'), 'GET, HEAD, POST')
    assert.equal(await allowed('namespaces/a'), 'GET, HEAD, PUT, DELETE')
    for (const kind of ['properties', 'objects', 'tags']) {
      assert.equal(await allowed(`namespaces/a/${kind}`), 'GET, HEAD, POST, DELETE')
    }
    assert.equal(await allowed('namespaces/a/properties/x'), 'GET, HEAD, PUT, DELETE')
    assert.equal(await allowed('namespaces/a/objects/x'), 'GET, HEAD, PUT, DELETE')
    assert.equal(await allowed('namespaces/a/tags/x'), 'GET, HEAD, POST, PUT, DELETE')
    assert.equal(await allowed('namespaces/a/resource_types'), 'GET, HEAD, POST')
    assert.equal(await allowed('namespaces/a/resource_types/x'), 'DELETE')
    assert.equal(await allowed('resource_types'), 'GET, HEAD')
  })

  it('end there (404)', async () => {
    assert.equal((await site.request('/v2/metadefs')).status, 404)
    assert.equal((await metadefs(site, 'GET', 'namespaces/')).status, 404)
    assert.equal((await metadefs(site, 'GET', 'namespaces/a%2Fb')).status, 404)
  })
})
