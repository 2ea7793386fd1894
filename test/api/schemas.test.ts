import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { TRUSTED } from '../support/options.ts'
import { asCaller, createTestSite, type TestSite } from '../support/site.ts'

interface Property {
  type?: string | string[]
  enum?: (string | null)[]
  readOnly?: boolean
  is_base?: boolean
  [key: string]: unknown
}

interface ImageSchema {
  name: string
  properties: Record<string, Property>
  additionalProperties: unknown
  links: unknown[]
}

const UUID_PATTERN =
  '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$'

let site: TestSite
let schema: ImageSchema
before(async () => {
  site = await createTestSite()
  schema = await (await site.request('/v2/schemas/image')).json()
})
after(() => site.close())

/** The names of the properties for which something holds, in order. */
const namesWhere = (holds: (property: Property) => boolean) =>
  Object.entries(schema.properties)
    .filter(([, property]) => holds(property))
    .map(([name]) => name)

/** What a property allows, without its description. */
function constraints(name: string): Property {
  const { description: _, ...rest } = schema.properties[name] ?? {}
  return rest
}

describe('the schema of an image', () => {
  it('is JSON (200)', async () => {
    const response = await site.request('/v2/schemas/image')
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('Content-Type'), 'application/json')
  })

  it('has these keys, in order', () => {
    assert.deepEqual(Object.keys(schema), ['name', 'properties', 'additionalProperties', 'links'])
    assert.equal(schema.name, 'image')
  })

  it('has these properties, in order', () => {
    assert.deepEqual(Object.keys(schema.properties), [
      'id',
      'name',
      'status',
      'visibility',
      'protected',
      'os_hidden',
      'checksum',
      'os_hash_algo',
      'os_hash_value',
      'owner',
      'size',
      'virtual_size',
      'container_format',
      'disk_format',
      'created_at',
      'updated_at',
      'tags',
      'direct_url',
      'min_ram',
      'min_disk',
      'self',
      'file',
      'stores',
      'schema',
      'locations',
      'kernel_id',
      'ramdisk_id',
      'instance_uuid',
      'architecture',
      'os_distro',
      'os_version',
      'description',
      'cinder_encryption_key_id',
      'cinder_encryption_key_deletion_policy',
    ])
  })

  it('marks what only the service writes', () => {
    assert.deepEqual(
      namesWhere(({ readOnly }) => readOnly === true),
      [
        'status',
        'checksum',
        'os_hash_algo',
        'os_hash_value',
        'size',
        'virtual_size',
        'created_at',
        'updated_at',
        'direct_url',
        'self',
        'file',
        'stores',
        'schema',
      ],
    )
  })

  it('marks what is no base property, and says nothing of the others', () => {
    const custom = [
      'kernel_id',
      'ramdisk_id',
      'instance_uuid',
      'architecture',
      'os_distro',
      'os_version',
      'description',
      'cinder_encryption_key_id',
      'cinder_encryption_key_deletion_policy',
    ]
    assert.deepEqual(
      namesWhere(({ is_base }) => is_base === false),
      custom,
    )
    assert.deepEqual(
      namesWhere((property) => 'is_base' in property),
      custom,
    )
  })

  it('describes every property', () => {
    assert.deepEqual(
      namesWhere(({ description }) => typeof description !== 'string'),
      [],
    )
  })

  it('takes other properties as text', () => {
    assert.deepEqual(schema.additionalProperties, { type: 'string' })
  })

  it('links to what an image names', () => {
    assert.deepEqual(schema.links, [
      { rel: 'self', href: '{self}' },
      { rel: 'enclosure', href: '{file}' },
      { rel: 'describedby', href: '{schema}' },
    ])
  })

  it('has ids by a pattern', () => {
    assert.deepEqual(constraints('id'), { type: 'string', pattern: UUID_PATTERN })
    assert.deepEqual(constraints('kernel_id'), {
      type: ['null', 'string'],
      pattern: UUID_PATTERN,
      is_base: false,
    })
  })

  it('has texts with their greatest length, which may be null', () => {
    assert.deepEqual(constraints('name'), { type: ['null', 'string'], maxLength: 255 })
    assert.deepEqual(constraints('owner'), { type: ['null', 'string'], maxLength: 255 })
    const readOnly = { type: ['null', 'string'], readOnly: true }
    assert.deepEqual(constraints('checksum'), { ...readOnly, maxLength: 32 })
    assert.deepEqual(constraints('os_hash_algo'), { ...readOnly, maxLength: 64 })
    assert.deepEqual(constraints('os_hash_value'), { ...readOnly, maxLength: 128 })
  })

  it('has the statuses', () => {
    assert.deepEqual(constraints('status'), {
      type: 'string',
      enum: [
        'queued',
        'saving',
        'active',
        'killed',
        'deleted',
        'uploading',
        'importing',
        'pending_delete',
        'deactivated',
      ],
      readOnly: true,
    })
  })

  it('has the visibilities', () => {
    assert.deepEqual(constraints('visibility'), {
      type: 'string',
      enum: ['community', 'public', 'private', 'shared'],
    })
  })

  it('has the formats, null being the first', () => {
    assert.deepEqual(constraints('disk_format'), {
      type: ['null', 'string'],
      enum: [
        null,
        'ami',
        'ari',
        'aki',
        'vhd',
        'vhdx',
        'vmdk',
        'raw',
        'qcow2',
        'vdi',
        'iso',
        'ploop',
      ],
    })
    assert.deepEqual(constraints('container_format'), {
      type: ['null', 'string'],
      enum: [null, 'ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker', 'compressed'],
    })
  })

  it('has the formats of the configuration', async () => {
    const special = await createTestSite({ image_format: { disk_formats: 'raw, gpt' } })
    const { properties } = await (await special.request('/v2/schemas/image')).json()
    assert.deepEqual(properties.disk_format.enum, [null, 'raw', 'gpt'])
    await special.close()
  })

  it('has numbers without bounds', () => {
    assert.deepEqual(constraints('min_ram'), { type: 'integer' })
    assert.deepEqual(constraints('min_disk'), { type: 'integer' })
    assert.deepEqual(constraints('size'), { type: ['null', 'integer'], readOnly: true })
    assert.deepEqual(constraints('virtual_size'), { type: ['null', 'integer'], readOnly: true })
  })

  it('has flags', () => {
    assert.deepEqual(constraints('protected'), { type: 'boolean' })
    assert.deepEqual(constraints('os_hidden'), { type: 'boolean' })
  })

  it('has texts that only the service writes', () => {
    const readOnly = { type: 'string', readOnly: true }
    assert.deepEqual(constraints('created_at'), readOnly)
    assert.deepEqual(constraints('updated_at'), readOnly)
    assert.deepEqual(constraints('direct_url'), readOnly)
    assert.deepEqual(constraints('self'), readOnly)
    assert.deepEqual(constraints('file'), readOnly)
    assert.deepEqual(constraints('stores'), readOnly)
    assert.deepEqual(constraints('schema'), readOnly)
  })

  it('has a list of tags', () => {
    assert.deepEqual(constraints('tags'), {
      type: 'array',
      items: { type: 'string', maxLength: 255 },
    })
  })

  it('has locations, of which a URL and metadata are required', () => {
    const { items } = constraints('locations') as { items: ImageSchema & Property }
    assert.deepEqual(items['required'], ['url', 'metadata'])
    assert.deepEqual(Object.keys(items.properties), ['url', 'metadata', 'validation_data'])
    assert.deepEqual(items.properties['url'], { type: 'string', maxLength: 255 })
    assert.equal(items.properties['metadata']?.type, 'object')
    const validation = items.properties['validation_data']
    assert.equal(validation?.['writeOnly'], true)
    assert.deepEqual(validation?.['required'], ['os_hash_algo', 'os_hash_value'])
  })

  it('is draft-04: no const, no list of examples, no dialect', () => {
    const text = JSON.stringify(schema)
    assert.doesNotMatch(text, /"(\$schema|const|\$defs|propertyNames|exclusiveMinimum":\d)"/)
  })
})

describe('the schema of a list of images', () => {
  it('holds the schema of an image', async () => {
    const list = await (await site.request('/v2/schemas/images')).json()
    assert.deepEqual(list, {
      name: 'images',
      properties: {
        images: { type: 'array', items: schema },
        first: { type: 'string' },
        next: { type: 'string' },
        schema: { type: 'string' },
      },
      links: [
        { rel: 'first', href: '{first}' },
        { rel: 'next', href: '{next}' },
        { rel: 'describedby', href: '{schema}' },
      ],
    })
  })
})

interface Document {
  name: string
  properties: Record<string, Property>
}

const fetchSchema = async (name: string): Promise<Document & Record<string, unknown>> =>
  (await site.request(`/v2/schemas/${name}`)).json()

/** The properties of a schema without their descriptions. */
function constraintsOf({ properties }: Document): Record<string, Property> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, { description: _, ...rest }]) => [name, rest]),
  )
}

const text = { type: 'string' }
const readOnlyText = { type: 'string', readOnly: true }

describe('the schema of a member', () => {
  it('has these properties, in order', async () => {
    const member = await fetchSchema('member')
    assert.deepEqual(Object.keys(member), ['name', 'properties'])
    assert.equal(member.name, 'member')
    const expected = {
      member_id: text,
      image_id: { type: 'string', pattern: UUID_PATTERN },
      created_at: text,
      updated_at: text,
      status: { type: 'string', enum: ['pending', 'accepted', 'rejected'] },
      schema: readOnlyText,
    }
    assert.deepEqual(constraintsOf(member), expected)
    assert.deepEqual(Object.keys(member.properties), Object.keys(expected))
  })

  it('is that of the members in a list', async () => {
    assert.deepEqual(await fetchSchema('members'), {
      name: 'members',
      properties: {
        members: { type: 'array', items: await fetchSchema('member') },
        schema: { type: 'string' },
      },
      links: [{ rel: 'describedby', href: '{schema}' }],
    })
  })
})

describe('the schema of a task', () => {
  it('has these properties, in order', async () => {
    const task = await fetchSchema('task')
    assert.deepEqual(Object.keys(task), ['name', 'properties'])
    assert.equal(task.name, 'task')
    const objectOrNull = { type: ['null', 'object'] }
    const expected = {
      id: { type: 'string', pattern: UUID_PATTERN },
      type: { type: 'string', enum: ['import', 'api_image_import', 'location_import'] },
      status: { type: 'string', enum: ['pending', 'processing', 'success', 'failure'] },
      input: objectOrNull,
      result: objectOrNull,
      owner: text,
      message: text,
      image_id: text,
      request_id: text,
      user_id: text,
      expires_at: { type: ['null', 'string'] },
      created_at: text,
      updated_at: text,
      self: readOnlyText,
      schema: readOnlyText,
    }
    assert.deepEqual(constraintsOf(task), expected)
    assert.deepEqual(Object.keys(task.properties), Object.keys(expected))
  })

  it('has less for the tasks in a list', async () => {
    const list = await fetchSchema('tasks')
    const {
      input: _input,
      result: _result,
      message: _message,
      ...short
    } = (await fetchSchema('task')).properties
    assert.equal(list.name, 'tasks')
    assert.deepEqual(list.properties, {
      tasks: { type: 'array', items: { name: 'task', properties: short } },
      schema: text,
    })
  })
})

describe('the schemas', () => {
  const withBody = { headers: { 'Content-Length': '2' } }

  it('are refused with a body, but for those of tasks (400)', async () => {
    for (const name of ['image', 'images', 'member', 'members']) {
      assert.equal((await site.request(`/v2/schemas/${name}`, withBody)).status, 400, name)
    }
    for (const name of ['task', 'tasks']) {
      assert.equal((await site.request(`/v2/schemas/${name}`, withBody)).status, 200, name)
    }
  })

  it('are only read (405)', async () => {
    for (const name of ['image', 'images', 'member', 'members', 'task', 'tasks']) {
      const response = await site.request(`/v2/schemas/${name}`, { method: 'PUT' })
      assert.equal(`${response.status} ${response.headers.get('Allow')}`, '405 GET, HEAD', name)
    }
  })

  it('are these and no others (404)', async () => {
    assert.equal((await site.request('/v2/schemas/unknown')).status, 404)
    assert.equal((await site.request('/v2/schemas')).status, 404)
  })

  it('are for everybody with an identity, whatever his roles (200)', async () => {
    const closed = await createTestSite(TRUSTED)
    const headers = asCaller('alice', '')
    assert.equal((await closed.request('/v2/schemas/image', { headers })).status, 200)
    assert.equal((await closed.request('/v2/schemas/images', { headers })).status, 200)
    assert.equal((await closed.request('/v2/schemas/image')).status, 401)
    await closed.close()
  })
})
