import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { bodyOf, createNamespace, metadefs, refusal, type Request } from '../support/metadefs.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

const A_BODY = { headers: { 'Content-Length': '2' } }

let site: TestSite
let namespace: string
before(async () => {
  site = await createTestSite()
})
after(() => site.close())
beforeEach(async () => {
  namespace = await createNamespace(site)
})

const send = (method: string, path: string, request: Request = {}) =>
  metadefs(site, method, `namespaces/${namespace}/${path}`, request)
const post = (path: string, body: unknown, headers = {}) => send('POST', path, { body, headers })
const put = (path: string, body: unknown) => send('PUT', path, { body })
const get = async (path: string) => bodyOf(await send('GET', path), 200)
const statusOf = async (method: string, path: string, request: Request = {}) =>
  (await send(method, path, request)).status

/** Protects the namespace, in which everything can be changed yet. */
const protect = () =>
  metadefs(site, 'PUT', `namespaces/${namespace}`, { body: { namespace, protected: true } })

/** What two requests at the same moment are answered. */
const together = async (...requests: Promise<Response>[]) =>
  (await Promise.all(requests)).map(({ status }) => status).toSorted()

describe('a property', () => {
  const PROPERTY = {
    name: 'cpu_cores',
    title: 'Cores',
    description: 'How many cores',
    operators: ['<or>'],
    type: 'integer',
    minimum: 1.0,
    maximum: 64,
    default: 4,
    enum: [1, 2, 4, '8', true],
    readonly: false,
  }
  const SHOWN = { ...PROPERTY, minimum: 1, default: '4', enum: ['1', '2', '4', '8', 'True'] }

  it('comes back with text for its values (201)', async () => {
    assert.deepEqual(await bodyOf(await post('properties', PROPERTY), 201), SHOWN)
    assert.deepEqual(await get('properties/cpu_cores'), SHOWN)
  })

  it('may have every key of its schema, and a type that is null (201)', async () => {
    const property = {
      name: 'all',
      title: 'All',
      type: null,
      required: ['a'],
      maxLength: 5,
      minLength: 0,
      pattern: '^a',
      items: { type: 'string', enum: ['a'] },
      maxItems: 2,
      minItems: 1,
      uniqueItems: true,
      additionalItems: false,
    }
    assert.deepEqual(await bodyOf(await post('properties', property), 201), property)
  })

  it('is listed under its name, which it has besides, in alphabetical order (200)', async () => {
    const other = { name: 'b', title: 'B', type: 'string' }
    await post('properties', PROPERTY)
    await post('properties', other)
    const { properties } = await get('properties')
    assert.deepEqual(properties, { b: other, cpu_cores: SHOWN })
    assert.deepEqual(Object.keys(properties), ['b', 'cpu_cores'])
  })

  it('has its name in the list also when it came with its namespace (200)', async () => {
    const one = { title: 'A', type: 'string' }
    namespace = await createNamespace(site, { properties: { z: one, a: one } })
    const { properties } = await get('properties')
    assert.deepEqual(Object.entries(properties), [
      ['a', { name: 'a', ...one }],
      ['z', { name: 'z', ...one }],
    ])
  })

  it('is asked for by the name that a resource type has for it (200)', async () => {
    await post('properties', PROPERTY)
    await post('resource_types', { name: 'OS::Image', prefix: 'hw_' })
    await post('resource_types', { name: 'OS::Server' })
    const asked = (name: string, type: string) =>
      send('GET', `properties/${name}?resource_type=${type}`)
    assert.deepEqual(await bodyOf(await asked('hw_cpu_cores', 'OS::Image'), 200), SHOWN)
    assert.deepEqual(await bodyOf(await asked('cpu_cores', 'OS::Server'), 200), SHOWN)
    assert.deepEqual(await refusal(await asked('cpu_cores', 'OS::Image')), [
      404,
      "Property cpu_cores does not start with the expected resource type association prefix of 'hw_'.",
    ])
    assert.equal((await asked('hw_cpu_cores', 'OS::Other')).status, 404)
  })

  it('is replaced, and may be renamed (200)', async () => {
    await post('properties', PROPERTY)
    const next = { name: 'cores', title: 'Cores', type: 'string' }
    assert.deepEqual(await bodyOf(await put('properties/cpu_cores', next), 200), next)
    assert.deepEqual(await get('properties/cores'), next)
    assert.equal(await statusOf('GET', 'properties/cpu_cores'), 404)
  })

  it('has its name alone (409)', async () => {
    await post('properties', PROPERTY)
    await post('properties', { ...PROPERTY, name: 'other' })
    const taken = `A metadata definition property with name=cpu_cores already exists in namespace=${namespace}.`
    assert.deepEqual(await refusal(await post('properties', PROPERTY)), [409, taken])
    assert.deepEqual(await refusal(await put('properties/other', PROPERTY)), [409, taken])
  })

  it('is refused in another form (400, 403)', async () => {
    for (const body of [
      [],
      {},
      { ...PROPERTY, name: undefined },
      { ...PROPERTY, title: undefined },
      { ...PROPERTY, type: undefined },
      { ...PROPERTY, type: 'text' },
      { ...PROPERTY, colour: 'red' },
      { ...PROPERTY, maxLength: -1 },
      { ...PROPERTY, required: ['a', 'a'] },
      { ...PROPERTY, required: [] },
      { ...PROPERTY, items: { type: 'array', items: { type: 'string' } } },
    ]) {
      const [status, message] = await refusal(await post('properties', body))
      assert.equal(status, 400, JSON.stringify(body))
      assert.match(message, /^Provided object does not match schema 'property': /)
    }
    const readOnly = { ...PROPERTY, created_at: 'now' }
    assert.equal((await post('properties', readOnly)).status, 403)
  })

  it('is there to be shown, replaced and deleted (404)', async () => {
    const absent = [404, 'Could not find property x']
    assert.deepEqual(await refusal(await send('GET', 'properties/x')), absent)
    assert.deepEqual(await refusal(await put('properties/x', PROPERTY)), absent)
    assert.deepEqual(await refusal(await send('DELETE', 'properties/x')), absent)
  })

  it('is deleted once (204, 404)', async () => {
    await post('properties', PROPERTY)
    assert.equal(await statusOf('DELETE', 'properties/cpu_cores'), 204)
    assert.equal(await statusOf('DELETE', 'properties/cpu_cores'), 404)
  })

  it('is deleted with all others, also where there is none (204)', async () => {
    await post('properties', PROPERTY)
    assert.equal(await statusOf('DELETE', 'properties'), 204)
    assert.equal(await statusOf('DELETE', 'properties'), 204)
    assert.deepEqual(await get('properties'), { properties: {} })
  })

  it('is listed without a body (400)', async () => {
    assert.equal(await statusOf('GET', 'properties', A_BODY), 400)
  })
})

describe('an object', () => {
  const OBJECT = {
    name: 'MySQL',
    description: 'A database',
    required: ['port'],
    properties: { port: { title: 'Port', type: 'integer', default: 3306 } },
  }

  it('comes back with links and times (201)', async () => {
    const created = await bodyOf(await post('objects', OBJECT), 201)
    const { created_at, updated_at, ...rest } = created
    assert.equal(created_at, updated_at)
    assert.deepEqual(rest, {
      ...OBJECT,
      properties: { port: { title: 'Port', type: 'integer', default: '3306' } },
      self: `/v2/metadefs/namespaces/${namespace}/objects/MySQL`,
      schema: '/v2/schemas/metadefs/object',
    })
    assert.deepEqual(await get('objects/MySQL'), created)
  })

  it('is told as it was given when it is created, and as having none of the rest when it is read', async () => {
    const bare = await bodyOf(await post('objects', { name: 'bare' }), 201)
    assert.deepEqual(Object.keys(bare), ['name', 'created_at', 'updated_at', 'self', 'schema'])
    const empty = { required: [], properties: {} }
    assert.deepEqual(await get('objects/bare'), { ...bare, ...empty })
    const given = await bodyOf(await post('objects', { name: 'empty', ...empty }), 201)
    assert.deepEqual(await get('objects/empty'), given)
  })

  it('is listed with all others in alphabetical order, whatever the limit (200)', async () => {
    await post('objects', { name: 'b' })
    await post('objects', { name: 'a' })
    await post('objects', { name: 'C' })
    const { objects, schema } = await get('objects?limit=1&resource_type=OS::Image')
    assert.deepEqual(
      objects.map(({ name }: { name: string }) => name),
      ['C', 'a', 'b'],
    )
    assert.equal(schema, 'v2/schemas/metadefs/objects')
    for (const limit of ['0', '-1', 'x']) {
      assert.equal(await statusOf('GET', `objects?limit=${limit}`), 400)
    }
  })

  it('is replaced, and may be renamed (200)', async () => {
    const { created_at } = await bodyOf(await post('objects', OBJECT), 201)
    const answer = await bodyOf(await put('objects/MySQL', { name: 'MariaDB' }), 200)
    assert.deepEqual(
      [answer.name, answer.description, answer.created_at],
      ['MariaDB', undefined, created_at],
    )
    assert.equal(answer.self, `/v2/metadefs/namespaces/${namespace}/objects/MariaDB`)
    const none = { required: [], properties: {} }
    assert.deepEqual(await get('objects/MariaDB'), { ...answer, ...none })
  })

  it('has its name alone (409)', async () => {
    await post('objects', OBJECT)
    await post('objects', { name: 'other' })
    const taken = `A metadata definition object with name=MySQL already exists in namespace=${namespace}.`
    assert.deepEqual(await refusal(await post('objects', OBJECT)), [409, taken])
    assert.deepEqual(await refusal(await put('objects/other', OBJECT)), [409, taken])
  })

  it('is refused in another form (400, 403)', async () => {
    for (const body of [
      [],
      {},
      { name: 'x'.repeat(81) },
      { name: 'x', colour: 'red' },
      { name: 'x', required: 'a' },
      { name: 'x', description: 'a\0b' },
      { name: 'x', required: ['\ud800'] },
      { name: 'x', properties: { a: { type: 'string' } } },
    ]) {
      assert.equal((await post('objects', body)).status, 400, JSON.stringify(body))
    }
    for (const key of ['self', 'schema', 'created_at', 'updated_at']) {
      assert.equal((await post('objects', { name: 'x', [key]: 'x' })).status, 403)
    }
  })

  it('is there to be shown, replaced and deleted (404)', async () => {
    const absent = [404, 'Could not find metadata object x']
    assert.deepEqual(await refusal(await send('GET', 'objects/x')), absent)
    assert.deepEqual(await refusal(await put('objects/x', OBJECT)), absent)
    assert.deepEqual(await refusal(await send('DELETE', 'objects/x')), absent)
  })

  it('is deleted once, or with all others (204)', async () => {
    await post('objects', OBJECT)
    assert.equal(await statusOf('DELETE', 'objects/MySQL'), 204)
    await post('objects', OBJECT)
    assert.equal(await statusOf('DELETE', 'objects'), 204)
    assert.deepEqual((await get('objects')).objects, [])
  })

  it('is asked for, and deleted, without a body (400)', async () => {
    assert.equal(await statusOf('GET', 'objects/x', A_BODY), 400)
    assert.equal(await statusOf('DELETE', 'objects/x', A_BODY), 400)
  })
})

describe('a tag', () => {
  const tagsIn = async (query = '') =>
    (await get(`tags${query}`)).tags.map(({ name }: { name: string }) => name)
  const postAll = (names: string[], headers = {}) =>
    post('tags', { tags: names.map((name) => ({ name })) }, headers)
  const append = { 'X-Openstack-Append': 'True' }

  it('is made by its path alone (201)', async () => {
    const created = await bodyOf(await send('POST', 'tags/a%20b'), 201)
    assert.deepEqual(Object.keys(created), ['name', 'created_at', 'updated_at'])
    assert.equal(created.name, 'a b')
    assert.deepEqual(await get('tags/a%20b'), created)
    assert.equal(await statusOf('POST', 'tags/c', A_BODY), 400)
    assert.equal(await statusOf('POST', `tags/${'x'.repeat(81)}`), 400)
  })

  it('has its name alone (409)', async () => {
    await postAll(['a', 'b'])
    const taken = `A metadata tag with name=a already exists in namespace=${namespace}. (Please note that metadata tag names are case insensitive).`
    assert.deepEqual(await refusal(await send('POST', 'tags/a')), [409, taken])
    assert.deepEqual(await refusal(await put('tags/b', { name: 'a' })), [409, taken])
  })

  it('is renamed (200)', async () => {
    await postAll(['a'])
    assert.equal((await bodyOf(await put('tags/a', { name: 'b' }), 200)).name, 'b')
    assert.deepEqual(await tagsIn(), ['b'])
    assert.equal((await put('tags/b', {})).status, 400)
    assert.equal((await put('tags/b', { name: 'c', colour: 'red' })).status, 400)
    assert.equal((await put('tags/b', { name: 'c', updated_at: 'x' })).status, 403)
  })

  it('comes with others in the place of all (201)', async () => {
    await postAll(['a', 'b'])
    assert.deepEqual(await bodyOf(await postAll(['c', 'd']), 201), {
      tags: [{ name: 'c' }, { name: 'd' }],
    })
    assert.deepEqual(await tagsIn(), ['d', 'c'])
    await postAll(['e'], { 'X-Openstack-Append': 'no' })
    assert.deepEqual(await tagsIn(), ['e'])
  })

  it('comes with others after all (201)', async () => {
    await postAll(['a'])
    assert.equal((await postAll(['b', 'c'], append)).status, 201)
    assert.deepEqual((await tagsIn()).toSorted(), ['a', 'b', 'c'])
    for (const [index, value] of ['1', 't', 'TRUE', 'on', 'y', 'Yes'].entries()) {
      await postAll([`${index}`], { 'X-Openstack-Append': value })
    }
    assert.equal((await tagsIn()).length, 9)
  })

  it('changes nothing where one of many is there already (409)', async () => {
    await postAll(['a'])
    assert.equal((await postAll(['b', 'a'], append)).status, 409)
    assert.equal((await postAll(['b', 'b'])).status, 409)
    assert.deepEqual(await tagsIn(), ['a'])
  })

  it('changes nothing where it is none of none (201)', async () => {
    await postAll(['a'])
    assert.deepEqual(await bodyOf(await postAll([]), 201), { tags: [] })
    assert.deepEqual(await tagsIn(), ['a'])
  })

  it('is refused among others in another form (400)', async () => {
    for (const body of [
      [],
      {},
      { tags: [{}] },
      { tags: [{ name: 'x', a: 1 }] },
      { tags: [], a: 1 },
    ]) {
      assert.equal((await post('tags', body)).status, 400, JSON.stringify(body))
    }
  })

  it('is listed in pages, the newest first (200)', async () => {
    await postAll(['a', 'c', 'b'])
    assert.deepEqual(await tagsIn(), ['b', 'c', 'a'])
    assert.deepEqual(await tagsIn('?limit=2'), ['b', 'c'])
    assert.deepEqual(await tagsIn('?limit=2&marker=c'), ['a'])
    assert.deepEqual(await tagsIn('?sort_key=name&sort_dir=asc'), ['a', 'b', 'c'])
    assert.deepEqual(await tagsIn('?sort_key=name&marker=b'), ['a'])
    assert.deepEqual(await tagsIn('?limit=0'), [])
    assert.equal(await statusOf('GET', 'tags?marker=x'), 404)
    for (const query of ['limit=x', 'limit=-1', 'sort_key=colour', 'sort_dir=up']) {
      assert.equal(await statusOf('GET', `tags?${query}`), 400, query)
    }
  })

  it('is deleted once, or with all others (204)', async () => {
    await postAll(['a', 'b'])
    assert.equal(await statusOf('DELETE', 'tags/a'), 204)
    assert.deepEqual(await refusal(await send('DELETE', 'tags/a')), [
      404,
      'Could not find metadata tag a',
    ])
    assert.equal(await statusOf('DELETE', 'tags'), 204)
    assert.deepEqual(await tagsIn(), [])
  })
})

describe('an association with a resource type', () => {
  it('comes back with times, without what it lacks (201)', async () => {
    const given = { name: 'OS::Image', prefix: 'hw_', properties_target: 'image' }
    const created = await bodyOf(await post('resource_types', given), 201)
    const { created_at, updated_at, ...rest } = created
    assert.equal(created_at, updated_at)
    assert.deepEqual(rest, given)
    const bare = await bodyOf(await post('resource_types', { name: 'OS::Server' }), 201)
    assert.deepEqual(Object.keys(bare), ['name', 'created_at', 'updated_at'])
    assert.deepEqual(await get('resource_types'), { resource_type_associations: [created, bare] })
  })

  it('is there once for a namespace (409)', async () => {
    await post('resource_types', { name: 'OS::Image' })
    assert.deepEqual(await refusal(await post('resource_types', { name: 'OS::Image' })), [
      409,
      `The metadata definition resource-type association of resource-type=OS::Image to namespace=${namespace} already exists.`,
    ])
  })

  it('is refused in another form (400, 403)', async () => {
    for (const body of [[], {}, { name: 'x'.repeat(81) }, { name: 'x', prefix: 'x'.repeat(81) }]) {
      const [status, message] = await refusal(await post('resource_types', body))
      assert.equal(status, 400)
      assert.match(message, /does not match schema 'resource_type_association'/)
    }
    assert.equal((await post('resource_types', { name: 'x', created_at: 'x' })).status, 403)
  })

  it('is deleted once, and leaves the type (204, 404)', async () => {
    await post('resource_types', { name: 'OS::Lasting' })
    assert.equal(await statusOf('DELETE', 'resource_types/OS::Lasting'), 204)
    assert.deepEqual(await refusal(await send('DELETE', 'resource_types/OS::Lasting')), [
      404,
      'Failed to find resource type OS::Lasting to delete',
    ])
    const { resource_types } = await bodyOf(await metadefs(site, 'GET', 'resource_types'), 200)
    const found = resource_types.find(({ name }: { name: string }) => name === 'OS::Lasting')
    assert.deepEqual(Object.keys(found), ['name', 'created_at', 'updated_at'])
  })
})

describe('what a protected namespace holds', () => {
  beforeEach(async () => {
    await post('properties', { name: 'p', title: 'P', type: 'string' })
    await post('objects', { name: 'o' })
    await post('tags/t', undefined)
    await post('resource_types', { name: 'OS::R' })
    await protect()
  })

  it('is not deleted (403)', async () => {
    const protectedOnes = {
      'properties/p': 'property p',
      'objects/o': 'object o',
      'tags/t': 'tag t',
      'resource_types/OS::R': 'resource-type-association OS::R',
      properties: `namespace ${namespace}`,
      objects: `namespace ${namespace}`,
      tags: `namespace ${namespace}`,
    }
    for (const [path, what] of Object.entries(protectedOnes)) {
      assert.deepEqual(await refusal(await send('DELETE', path)), [
        403,
        `Metadata definition ${what} is protected and cannot be deleted.`,
      ])
    }
    assert.equal(await statusOf('DELETE', 'properties/x'), 404)
  })

  it('may be changed and added to (200, 201)', async () => {
    assert.equal((await put('objects/o', { name: 'o2' })).status, 200)
    assert.equal((await post('objects', { name: 'o3' })).status, 201)
    assert.equal((await post('tags', { tags: [{ name: 'u' }] })).status, 201)
  })
})

describe('a namespace that is nowhere', () => {
  it('holds nothing, and takes nothing (404)', async () => {
    namespace = 'OS::Nowhere'
    const property = { name: 'p', title: 'P', type: 'string' }
    const requests: [method: string, path: string, body?: unknown][] = [
      ['GET', 'properties'],
      ['POST', 'properties', property],
      ['DELETE', 'properties'],
      ['PUT', 'properties/p', property],
      ['GET', 'objects'],
      ['POST', 'objects', { name: 'o' }],
      ['DELETE', 'objects/o'],
      ['GET', 'tags'],
      ['POST', 'tags', { tags: [] }],
      ['POST', 'tags/t'],
      ['GET', 'resource_types'],
      ['POST', 'resource_types', { name: 'OS::R' }],
      ['DELETE', 'resource_types/OS::R'],
    ]
    for (const [method, path, body] of requests) {
      assert.deepEqual(await refusal(await send(method, path, { body })), [
        404,
        'Namespace OS::Nowhere not found',
      ])
    }
  })
})

describe('two changes at the same moment', () => {
  it('make one entry of a name (201, 409)', async () => {
    assert.deepEqual(
      await together(post('tags/a', undefined), post('tags/a', undefined)),
      [201, 409],
    )
    const name = { namespace: `${namespace}::twice` }
    const twice = () => metadefs(site, 'POST', 'namespaces', { body: name })
    assert.deepEqual(await together(twice(), twice()), [201, 409])
  })

  it('delete a namespace, and leave nothing of what was added (204)', async () => {
    const [deleted, ...others] = await Promise.all([
      metadefs(site, 'DELETE', `namespaces/${namespace}`),
      post('objects', { name: 'o' }),
      post('tags', { tags: [{ name: 't' }] }),
    ])
    assert.equal(deleted?.status, 204)
    for (const { status } of others) assert.ok([201, 404, 409].includes(status))
    await createNamespace(site, { namespace })
    assert.deepEqual(await get('tags'), { tags: [] })
  })
})
