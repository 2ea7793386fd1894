/**
 * What Glance says when it refuses, word for word: clients show these sentences, and some match them. `{name}` stands
 * for the id of the image of that name.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  actOn,
  BARE_QCOW2,
  BARE_RAW,
  bytesOf,
  createImage,
  errorMessage,
  OCTETS,
  shareImage,
  UNKNOWN_ID,
  uploadData,
  V20,
  V21,
} from '../support/images.ts'
import { createNamespace } from '../support/metadefs.ts'
import { TRUSTED } from '../support/options.ts'
import { ADMIN, asCaller, createTestSite, type TestSite } from '../support/site.ts'

const ALICE = asCaller('alice')
const BOB = asCaller('bob')
const READER = asCaller('alice', 'reader')
const EMOJI = '\u{1F600}'

let site: TestSite
const ids: Record<string, string> = { unknown: UNKNOWN_ID }

before(async () => {
  site = await createTestSite({ ...TRUSTED, DEFAULT: { image_size_cap: '100' } })
  const make = async (name: string, attributes = {}) => {
    ids[name] = (await createImage(site, { name, ...attributes }, ALICE)).id
  }
  await make('queued', { ...BARE_RAW, arch: 'arm' })
  await make('shared')
  await make('formless')
  await make('half', { disk_format: 'raw' })
  await make('qcow', BARE_QCOW2)
  await make('private', { visibility: 'private' })
  await make('protected', { protected: true })
  for (const name of ['active', 'stopped']) {
    await make(name, BARE_RAW)
    await uploadData(site, named(`{${name}}`), bytesOf('data'), ALICE)
  }
  await actOn(site, named('{stopped}'), 'deactivate', ALICE)
  await shareImage(site, named('{shared}'), 'bob', 'pending')
  for (const isProtected of [false, true]) {
    const namespace = isProtected ? 'Kept' : 'NS'
    await createNamespace(
      site,
      {
        namespace,
        visibility: 'public',
        protected: isProtected,
        properties: { p: { title: 'P', type: 'string' } },
        objects: [{ name: 'o' }],
        tags: [{ name: 't' }],
        resource_type_associations: [{ name: 'RT', prefix: 'hw_' }],
      },
      ADMIN,
    )
  }
})
after(() => site.close())

const named = (text: string) => text.replace(/\{(\w+)\}/g, (all, name: string) => ids[name] ?? all)

interface Request {
  body?: unknown
  as?: Record<string, string>
  headers?: Record<string, string>
}
type Row = [request: string, answer: string, more?: Request]

async function ask(request: string, { body, as = ALICE, headers }: Request): Promise<string> {
  const [method = '', path = ''] = named(request).split(' ')
  const response = await site.request(`http://localhost/v2/${path}`, {
    method,
    headers: { Accept: 'application/json', ...as, ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return `${response.status} ${await errorMessage(response)}`
}

/** An answer that ends in "…" may go on in words of ours. */
async function requireAsTold(rows: Row[]): Promise<void> {
  const told = await Promise.all(
    rows.map(async ([request, answer, more = {}]) => {
      const wanted = named(answer)
      const got = await ask(request, more)
      const asWanted = wanted.endsWith('…') && got.startsWith(wanted.slice(0, -1)) ? wanted : got
      return [`${request} ${JSON.stringify(more.body ?? null)}`, asWanted, wanted] as const
    }),
  )
  assert.deepEqual(
    told.map(([request, got]) => [request, got]),
    told.map(([request, , wanted]) => [request, wanted]),
  )
}

const post = (body: unknown, answer: string, as = ALICE): Row => [
  'POST images',
  answer,
  { body, as },
]
const patch = (operations: unknown, answer: string, { image = 'queued', as = ALICE } = {}): Row => [
  `PATCH images/{${image}}`,
  answer,
  { body: operations, as, headers: { 'Content-Type': V21 } },
]
const replace = (path: string, value: unknown) => [{ op: 'replace', path, value }]
const add = (path: string, value: unknown) => [{ op: 'add', path, value }]
const remove = (path: string) => [{ op: 'remove', path }]
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`)

describe('the sentences of Glance', () => {
  it('are said of a request that makes no sense', () =>
    requireAsTold([
      ['PUT images', '405 The method PUT is not allowed for this resource.'],
      ['GET nothing', '404 The resource could not be found.'],
      ['BREW nothing', '501 The request method BREW is not implemented for this server.'],
      [
        'GET images?name=%FF',
        '400 Error decoding your request. Either the URL or the request body contained characters that could not be decoded by Glance',
      ],
      [
        'DELETE images/{queued}',
        '400 A body is not expected with this request.',
        { headers: { 'Content-Length': '2' } },
      ],
      post('', '400 Body expected in request.'),
      post('{', '400 Malformed JSON in request body.'),
      post('1', '400 Unexpected body type. Expected list/dict.'),
    ]))

  it('are said of a new image', () =>
    requireAsTold([
      post({ name: 1 }, "400 Provided object does not match schema 'image': …"),
      post({ id: '{active}' }, "400 Provided object does not match schema 'image': …"),
      post({ os_glance_x: 'v' }, "403 Attribute 'os_glance_x' is reserved."),
      post({ locations: [] }, "403 Attribute 'locations' is reserved."),
      post({ size: null }, "403 Attribute 'size' is read-only."),
      post({ name: EMOJI }, "400 Name can't contain 4 byte unicode characters."),
      post({ key: EMOJI }, "400 Key can't contain 4 byte unicode characters."),
      post(
        { visibility: 'public' },
        '403 You are not authorized to complete publicize_image action.',
      ),
      post({ owner: 'bob' }, "403 You are not permitted to create images owned by 'bob'"),
      post({ owner: '' }, "403 You are not permitted to create images owned by ''"),
      post({ owner: null }, "403 You are not permitted to create images owned by 'None'"),
      post({ owner: 'bob' }, "403 You are not permitted to create images owned by 'bob'", READER),
      post({}, '403 You are not authorized to complete add_image action.', READER),
      post(
        { min_disk: -1 },
        "400 Invalid value '-1' for parameter 'min_disk': Cannot be a negative value",
      ),
      post({ min_disk: 2 ** 31 }, "400 'min_disk' value out of range, must not exceed 2147483647."),
      post(
        { ['k'.repeat(256)]: 'v' },
        '400 Custom property should not be greater than 255 characters.',
      ),
      post(
        Object.fromEntries(numbered(129).map((name) => [name, 'v'])),
        '413 The limit has been exceeded on the number of allowed image properties. Attempted: 129, Maximum: 128',
      ),
    ]))

  it('are said of a list', () =>
    requireAsTold([
      ['GET images?limit=-1', '400 limit param must be positive'],
      ['GET images?limit=x', '400 limit param must be an integer'],
      ['GET images?marker={unknown}', '400 No image found with ID {unknown}'],
      [
        'GET images?marker={private}',
        '403 Forbidding request, image {private} not visible',
        { as: BOB },
      ],
      [
        'GET images?sort_key=owner',
        '400 Invalid sort key: owner. It must be one of the following: name, status, container_format, disk_format, size, id, created_at, updated_at.',
      ],
      ['GET images?sort_dir=up', '400 Invalid sort direction: up'],
      [
        'GET images?sort_key=name&sort_dir=asc&sort_dir=asc',
        '400 Number of sort dirs does not match the number of sort keys',
      ],
      ['GET images?sort=name&sort_key=name', '400 Old and new sorting syntax cannot be combined'],
      ['GET images?name=neq:a', "400 Unable to filter by unknown operator 'neq'."],
      ['GET images?name=in:%22a', '400 Invalid filter value …'],
      ['GET images?name=in:a%22b%22', '400 Invalid filter value …'],
      [
        'GET images?created_at=x',
        '400 Bad "created_at" query filter format. Use ISO 8601 DateTime notation.',
      ],
      ['GET images?created_at=in:2020-01-01', '400 Unable to filter on a unknown operator.'],
      ['GET images?size_min=x', '400 Unable to filter on a range with a non-numeric value.'],
      [
        'GET images?protected=True',
        "400 Invalid value 'True' for 'protected' filter. Valid values are 'true' or 'false'.",
      ],
      ['GET images?visibility=x', '400 Invalid visibility value: x'],
      ['GET images?member_status=x', '400 Invalid status: x'],
      [
        'GET images?changes-since=2020',
        '400 The "changes-since" filter is no longer available on v2.',
      ],
    ]))

  it('are said of a patch that cannot be read', () =>
    requireAsTold([
      patch('', '400 Body expected in request.'),
      patch({ op: 'add' }, '400 Request body must be a JSON array of operation objects.'),
      patch([1], '400 Operations must be JSON objects.'),
      patch(
        [{ path: '/x' }],
        '400 Unable to find `op` in JSON Schema change. It must be one of the following: add, remove, replace.',
      ),
      patch(
        [{ op: 'test', path: '/x' }],
        '400 Invalid operation: `test`. It must be one of the following: add, remove, replace.',
      ),
      patch([{ op: 'remove' }], "400 Unable to find 'path' in JSON Schema change"),
      patch([{ op: 'add', path: '/x' }], '400 Operation "add" requires a member named "value".'),
      patch(add('x', 'v'), '400 Pointer `x` does not start with "/".'),
      patch(add('/a//b', 'v'), '400 Pointer `/a//b` contains adjacent "/".'),
      patch(add('/a/', 'v'), '400 Pointer `/a/` end with "/".'),
      patch(
        add('/a~2', 'v'),
        '400 Pointer `/a~2` contains "~" not part of a recognized escape sequence.',
      ),
      patch(add('/tags/0', 'v'), "400 Invalid JSON pointer for this resource: '/tags/0'"),
      [
        'PATCH images/{queued}',
        '400 Operation objects must contain exactly one member named …',
        { body: [{}], headers: { 'Content-Type': V20 } },
      ],
      [
        'PATCH images/{queued}',
        '400 Operation objects must contain only one member named …',
        { body: [{ add: '/a', remove: '/b' }], headers: { 'Content-Type': V20 } },
      ],
    ]))

  it('are said of a patch that may not be', () =>
    requireAsTold([
      patch(remove('/status'), "403 Attribute 'status' is read-only."),
      patch(add('/deleted', 'x'), "403 Attribute 'deleted' is reserved."),
      patch(replace('/k', 'v'), '409 Property k does not exist.'),
      patch(remove('/k'), '409 Property k does not exist.'),
      [
        'PATCH images/{queued}',
        '409 Property name already present.',
        { body: [{ add: '/name', value: 'x' }], headers: { 'Content-Type': V20 } },
      ],
      patch(remove('/name'), '403 Property name may not be removed.'),
      patch(remove('/owner'), '403 Property owner may not be removed.'),
      patch(replace('/owner', 'bob'), "403 Owner can't be updated by non admin."),
      patch(add('/owner', 'bob'), "403 Owner can't be updated by non admin."),
      patch(
        replace('/visibility', 'public'),
        '403 You are not authorized to complete publicize_image action.',
      ),
      patch(
        replace('/disk_format', 'iso'),
        '403 Attribute disk_format can be only replaced for a queued image.',
        { image: 'active' },
      ),
      patch(
        add('/container_format', 'ovf'),
        '403 Attribute container_format can be only replaced for a queued image.',
        { image: 'active' },
      ),
      patch(
        replace('/min_ram', -1),
        "400 Invalid value '-1' for parameter 'min_ram': Cannot be a negative value",
      ),
      patch(
        replace('/tags', numbered(129)),
        '413 The limit has been exceeded on the number of allowed image tags. Attempted: 129, Maximum: 128',
      ),
      patch(replace('/locations', []), '403 Cannot set locations to empty list.'),
      patch(
        replace('/locations', [{}]),
        "403 It's not allowed to update locations if locations are invisible.",
      ),
      patch(
        add('/locations/-', {}),
        "403 It's not allowed to add locations if locations are invisible.",
      ),
      patch(
        remove('/locations/0'),
        "403 It's not allowed to remove locations if locations are invisible.",
        { as: ADMIN },
      ),
      patch([], '404 No image found with ID {unknown}', { image: 'unknown' }),
      patch([], '403 You are not authorized to complete modify_image action.', { as: READER }),
    ]))

  it('are said of a deletion and an action', () =>
    requireAsTold([
      ['DELETE images/{unknown}', '404 Failed to find image {unknown} to delete'],
      ['DELETE images/{protected}', '403 Image {protected} is protected and cannot be deleted.'],
      [
        'POST images/{queued}/actions/deactivate',
        "403 Not allowed to deactivate image in status 'queued'",
      ],
      [
        'POST images/{queued}/actions/reactivate',
        "403 Not allowed to reactivate image in status 'queued'",
      ],
      ['POST images/{unknown}/actions/deactivate', '404 No image found with ID {unknown}'],
    ]))

  it('are said of data', async () => {
    const put = (image: string, answer: string, body = 'x', headers = {}): Row => [
      `PUT images/{${image}}/file`,
      answer,
      { body, headers: { ...OCTETS, ...headers } },
    ]
    const get = (image: string, answer: string, Range = ''): Row => [
      `GET images/{${image}}/file`,
      answer,
      { headers: Range ? { Range } : {} },
    ]
    await requireAsTold([
      put('active', '409 Image status transition from active to saving is not allowed'),
      put(
        'formless',
        '400 Properties disk_format, container_format must be set prior to saving data.',
      ),
      put('half', '400 Property container_format must be set prior to saving data.'),
      put('qcow', '415 Image disk_format qcow2 does not match stream data raw'),
      get(
        'stopped',
        '403 The requested image has been deactivated. Image data download is forbidden.',
      ),
      get('active', '416 Invalid Range header.', 'bytes=3-2'),
      get('active', '416 Invalid Range header.', 'items=0-1'),
      get(
        'active',
        '400 Requests with multiple ranges are not supported in Glance. …',
        'bytes=0-0,2-3',
      ),
    ])
    // One after the other, since an image takes one upload at a time.
    const size = (bytes: number) => ({ 'X-OpenStack-Image-Size': String(bytes) })
    await requireAsTold([
      put('queued', '400 Size mismatch: expected 10 bytes, got 5 bytes', '12345', size(10)),
    ])
    await requireAsTold([
      put('queued', '400 Size exceeds: expected 3 bytes, got 5 bytes', '12345', size(3)),
    ])
    const wrong = { 'X-OpenStack-Image-Size': 'x' }
    await requireAsTold([
      put('queued', '400 Invalid or missing image size in request headers.', 'x', wrong),
    ])
    const tooLarge = '413 The incoming image is too large: The provided image is too large.…'
    await requireAsTold([put('queued', tooLarge, 'x'.repeat(101))])
  })

  it('are said of members', () => {
    const members = (body: unknown, answer: string): Row => [
      'POST images/{shared}/members',
      answer,
      { body },
    ]
    const answers = (body: unknown, answer: string, as = BOB): Row => [
      'PUT images/{shared}/members/bob',
      answer,
      { body, as },
    ]
    const status = { status: 'accepted' }
    const badStatus = '400 Incorrect request: Status must be "pending", "accepted" or "rejected".'
    const absent = '404 carol not found in the member list of the image {shared}.'
    const hidden = 'images/{private}/members'
    return requireAsTold([
      members([], '400 Expected a member in the form: {"member": "image_id"}'),
      members({}, '400 Member to be added not specified'),
      members({ member: '' }, "400 Member can't be empty"),
      members({ member: null }, "400 Member can't be empty"),
      members({ member: 'bob' }, '409 Member bob is duplicated for image {shared}'),
      answers({}, '400 Status not specified'),
      answers([], '400 Expected a status in the form: {"status": "status"}'),
      answers({ status: 'x' }, badStatus),
      answers({ status: null }, badStatus),
      answers({ status: 1 }, badStatus),
      answers(status, '403 You are not authorized to complete modify_member action.', ALICE),
      [
        'PUT images/{shared}/members/carol',
        '403 Not allowed to update members for image {shared}.',
        { body: status },
      ],
      ['PUT images/{shared}/members/carol', absent, { body: status, as: BOB }],
      ['GET images/{shared}/members/carol', absent],
      ['DELETE images/{shared}/members/carol', absent],
      [
        `GET ${hidden}`,
        '403 Not allowed to list members for image {private}: Only shared images have members.',
      ],
      [
        `POST ${hidden}`,
        '403 Not allowed to create members for image {private}.',
        { body: { member: 'x' } },
      ],
      [`GET ${hidden}/bob`, '404 Only shared images have members.'],
      [
        `PUT ${hidden}/bob`,
        '403 Not allowed to update members for image {private}.',
        { body: status },
      ],
      [`DELETE ${hidden}/bob`, '403 Not allowed to delete members for image {private}.'],
      ['GET images/{unknown}/members', '404 Image {unknown} not found.'],
    ])
  })

  it('are said of tags', () =>
    requireAsTold([
      ['DELETE images/{queued}/tags/none', '404 The resource could not be found.'],
      ['DELETE images/{unknown}/tags/none', '404 Image {unknown} not found.'],
      ['PUT images/{unknown}/tags/none', '404 Image {unknown} not found.'],
      [
        `PUT images/{queued}/tags/${'x'.repeat(256)}`,
        "400 Provided object does not match schema 'image': …",
      ],
      [
        'PUT images/{queued}/tags/a',
        '403 You are not authorized to complete modify_image action.',
        { as: READER },
      ],
    ]))

  it('are said of the image cache', () =>
    requireAsTold([
      ['GET cache', '404 Caching via API is not supported at this site.', { as: ADMIN }],
      ['GET cache', '403 You are not authorized to complete cache_list action.'],
      ['PUT cache/{unknown}', '404 Image {unknown} not found.', { as: ADMIN }],
      ['DELETE cache/{unknown}', '404 Image {unknown} not found.', { as: ADMIN }],
    ]))

  it('are said of namespaces', () => {
    const spaces = 'metadefs/namespaces'
    const body = { namespace: 'NS' }
    const kept = (what: string) =>
      `403 Metadata definition ${what} is protected and cannot be deleted.`
    return requireAsTold([
      [
        `POST ${spaces}`,
        '409 The metadata definition namespace=NS already exists.',
        { body, as: ADMIN },
      ],
      [
        `POST ${spaces}`,
        '403 You are not authorized to complete add_metadef_namespace action.',
        { body },
      ],
      [
        `POST ${spaces}`,
        "400 Provided object does not match schema 'namespace': …",
        { body: {}, as: ADMIN },
      ],
      [
        `POST ${spaces}`,
        "403 Attribute 'self' is read-only.",
        { body: { ...body, self: 'x' }, as: ADMIN },
      ],
      [`GET ${spaces}/none`, '404 Metadata definition namespace=none was not found.'],
      [`GET ${spaces}?marker=none`, '404 Metadata definition namespace=none was not found.'],
      [`GET ${spaces}/none/properties`, '404 Namespace none not found'],
      [`GET ${spaces}/none/tags`, '404 Namespace none not found'],
      [`GET ${spaces}/none/resource_types`, '404 Namespace none not found'],
      [`PUT ${spaces}/none`, '404 Namespace none not found', { body, as: ADMIN }],
      [`DELETE ${spaces}/none`, '404 Namespace none not found', { as: ADMIN }],
      [`GET ${spaces}?limit=-1`, '400 limit param must be positive'],
      [`GET ${spaces}?visibility=x`, '400 Invalid visibility value: x'],
      [`DELETE ${spaces}/Kept`, kept('namespace Kept'), { as: ADMIN }],
      [`DELETE ${spaces}/Kept/properties/p`, kept('property p'), { as: ADMIN }],
      [`DELETE ${spaces}/Kept/objects/o`, kept('object o'), { as: ADMIN }],
      [`DELETE ${spaces}/Kept/tags/t`, kept('tag t'), { as: ADMIN }],
      [
        `DELETE ${spaces}/Kept/resource_types/RT`,
        kept('resource-type-association RT'),
        { as: ADMIN },
      ],
    ])
  })

  it('are said of what a namespace holds', () => {
    const within = 'metadefs/namespaces/NS'
    const property = { name: 'p', title: 'P', type: 'string' }
    const tagTaken =
      '409 A metadata tag with name=t already exists in namespace=NS. (Please note that metadata tag names are case insensitive).'
    const tags = { tags: [{ name: 'u' }, { name: 't' }] }
    const twice = { tags: [{ name: 't' }, { name: 'u' }, { name: 't' }] }
    const append = { 'X-Openstack-Append': 'true' }
    return requireAsTold([
      [`GET ${within}/properties/x`, '404 Could not find property x'],
      [
        `GET ${within}/properties/x?resource_type=RT`,
        "404 Property x does not start with the expected resource type association prefix of 'hw_'.",
      ],
      [
        `POST ${within}/properties`,
        '409 A metadata definition property with name=p already exists in namespace=NS.',
        { body: property, as: ADMIN },
      ],
      [
        `POST ${within}/properties`,
        "400 Provided object does not match schema 'property': …",
        { body: {}, as: ADMIN },
      ],
      [`GET ${within}/objects/x`, '404 Could not find metadata object x'],
      [
        `POST ${within}/objects`,
        '409 A metadata definition object with name=o already exists in namespace=NS.',
        { body: { name: 'o' }, as: ADMIN },
      ],
      [`POST ${within}/tags/t`, tagTaken, { as: ADMIN }],
      [`POST ${within}/tags`, tagTaken, { body: tags, as: ADMIN, headers: append }],
      [`POST ${within}/tags`, tagTaken, { body: twice, as: ADMIN }],
      [
        `DELETE ${within}/resource_types/x`,
        '404 Failed to find resource type x to delete',
        { as: ADMIN },
      ],
    ])
  })
})
