import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createTestSite, type TestSite } from '../support/site.ts'

interface Schema {
  name: string
  properties: Record<string, Record<string, unknown>>
  definitions?: Record<string, Record<string, unknown>>
  [key: string]: unknown
}

let site: TestSite
before(async () => {
  site = await createTestSite()
})
after(() => site.close())

async function schemaOf(name: string): Promise<Schema> {
  const response = await site.request(`/v2/schemas/metadefs/${name}`)
  assert.equal(response.status, 200)
  return response.json()
}

const readOnlyOf = ({ properties }: Schema) =>
  Object.entries(properties)
    .filter(([, property]) => property['readOnly'] === true)
    .map(([name]) => name)

describe('the schema of a namespace', () => {
  it('has its definitions, and nothing besides its properties', async () => {
    const { name, required, additionalProperties, definitions } = await schemaOf('namespace')
    assert.deepEqual([name, required, additionalProperties], ['namespace', ['namespace'], false])
    assert.deepEqual(Object.keys(definitions ?? {}).toSorted(), [
      'positiveInteger',
      'positiveIntegerDefault0',
      'property',
      'stringArray',
    ])
  })

  it('has these properties, of which the service writes some', async () => {
    const schema = await schemaOf('namespace')
    assert.deepEqual(Object.keys(schema.properties), [
      'namespace',
      'display_name',
      'description',
      'visibility',
      'protected',
      'owner',
      'created_at',
      'updated_at',
      'schema',
      'self',
      'resource_type_associations',
      'properties',
      'objects',
      'tags',
    ])
    assert.deepEqual(readOnlyOf(schema), ['created_at', 'updated_at', 'schema', 'self'])
    assert.deepEqual(schema.properties['properties'], { $ref: '#/definitions/property' })
    assert.deepEqual(schema.properties['visibility']?.['enum'], ['public', 'private'])
  })

  it('has limits', async () => {
    const { properties } = await schemaOf('namespace')
    const limits = Object.entries(properties).map(([name, { maxLength }]) => [name, maxLength])
    assert.deepEqual(
      limits.filter(([, limit]) => limit !== undefined),
      [
        ['namespace', 80],
        ['display_name', 80],
        ['description', 500],
        ['owner', 255],
      ],
    )
  })

  it('lets what it holds have more than it needs, as it is sent back', async () => {
    const { properties } = await schemaOf('namespace')
    for (const name of ['resource_type_associations', 'objects', 'tags']) {
      const items = properties[name]?.['items']
      assert.ok(typeof items === 'object' && items !== null)
      assert.equal('additionalProperties' in items, false)
    }
  })
})

describe('the schemas of what a namespace holds', () => {
  it('name what is required', async () => {
    const required = async (name: string) => (await schemaOf(name))['required']
    assert.deepEqual(await required('property'), ['type', 'title', 'name'])
    assert.deepEqual(await required('object'), ['name'])
    assert.deepEqual(await required('tag'), ['name'])
    assert.deepEqual(await required('resource_type'), ['name'])
  })

  it('tell what only the service writes', async () => {
    assert.deepEqual(readOnlyOf(await schemaOf('object')), [
      'schema',
      'self',
      'created_at',
      'updated_at',
    ])
    assert.deepEqual(readOnlyOf(await schemaOf('tag')), ['created_at', 'updated_at'])
    assert.deepEqual(readOnlyOf(await schemaOf('property')), [])
  })

  it('have the types of a property, none among them', async () => {
    const { properties } = await schemaOf('property')
    assert.deepEqual(properties['type'], {
      type: 'string',
      enum: ['array', 'boolean', 'integer', 'number', 'object', 'string', null],
    })
    assert.deepEqual(properties['default'], {})
  })
})

describe('the schemas of lists of definitions', () => {
  it('hold the schema of one, and the definitions that it refers to', async () => {
    for (const [list, one] of [
      ['namespaces', 'namespace'],
      ['objects', 'object'],
      ['tags', 'tag'],
    ] as const) {
      const schema = await schemaOf(list)
      const { definitions, ...items } = await schemaOf(one)
      assert.equal(schema.name, list)
      assert.deepEqual(schema.definitions, definitions)
      assert.deepEqual(schema.properties, {
        [list]: { type: 'array', items },
        first: { type: 'string' },
        next: { type: 'string' },
        schema: { type: 'string' },
      })
    }
  })

  it('are called after associations where resource types are', async () => {
    assert.equal((await schemaOf('resource_type')).name, 'resource_type_association')
    const list = await schemaOf('resource_types')
    assert.equal(list.name, 'resource_type_associations')
    assert.ok('resource_type_associations' in list.properties)
  })

  it('have properties by their names', async () => {
    const { name, properties } = await schemaOf('properties')
    assert.equal(name, 'properties')
    assert.equal(properties['properties']?.['type'], 'object')
    const item = Object(properties['properties']?.['additionalProperties'])
    assert.deepEqual(item.required, ['type', 'title'])
  })

  it('are draft-04: no const, no dialect', async () => {
    for (const name of ['namespaces', 'objects', 'properties', 'resource_types', 'tags']) {
      const text = JSON.stringify(await schemaOf(name))
      assert.doesNotMatch(text, /"(\$schema|const|\$defs|propertyNames|exclusiveMinimum":\d)"/)
    }
  })

  it('are asked for without a body, by their name (400, 404)', async () => {
    const headers = { 'Content-Length': '2' }
    const path = '/v2/schemas/metadefs'
    assert.equal((await site.request(`${path}/tag`, { headers })).status, 400)
    assert.equal((await site.request(`${path}/nothing`)).status, 404)
  })
})
