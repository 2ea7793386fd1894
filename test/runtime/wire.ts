/** One conversation with the service as a whole, held on every runtime over a real socket. */
import assert from 'node:assert/strict'
import { createCipheriv, createHash, randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { sendRaw, type RawResponse, type RawRequest } from '../support/http.ts'

export interface Server {
  url: string
  stop(): Promise<void>
}

/** Runs every exchange against a server of its own, with fresh data, where every caller is an administrator. */
export function wireSuite(name: string, start: () => Promise<Server>): void {
  describe(name, () => {
    let server: Server | null = null
    const url = (path: string) => `${server?.url}${path}`
    const wire = createWire(url)
    before(async () => {
      server = await start()
    })
    after(() => server?.stop())

    describeVersions(wire)
    describeFraming(wire)
    describeErrors(wire)
    describeCreate(wire)
    describeRefusedCreate(wire)
    describePatch(wire)
    describeTags(wire)
    describeMembers(wire)
    describeList(wire)
    describeSchemas(wire)
    describeDefinitions(wire)
    describeUpload(wire)
    describeRefusedUpload(wire)
    describeDownload(wire)
    describeLargeData(wire)
    describeLifecycle(wire)
  })
}

type Wire = ReturnType<typeof createWire>

const OCTETS = { 'Content-Type': 'application/octet-stream' }
const RAW = { disk_format: 'raw', container_format: 'bare' }

function createWire(url: (path: string) => string) {
  /** A request by fetch, whose Accept is that of python-glanceclient: anything. */
  function send(method: string, path: string, init: Omit<RequestInit, 'method'> = {}) {
    return fetch(url(path), { method, redirect: 'manual', ...init })
  }

  async function json(path: string, accept = 'application/json') {
    const response = await send('GET', path, { headers: { Accept: accept } })
    assert.equal(response.headers.get('Content-Type'), 'application/json')
    return JSON.parse(await response.text())
  }

  async function create(attributes: object = {}) {
    const response = await send('POST', '/v2/images', { body: JSON.stringify(attributes) })
    const text = await response.text()
    assert.equal(response.status, 201, text)
    return JSON.parse(text)
  }

  function upload(id: string, body: string | Uint8Array<ArrayBuffer>, headers = {}) {
    return send('PUT', `/v2/images/${id}/file`, { headers: { ...OCTETS, ...headers }, body })
  }

  function patch(id: string, version: 'v2.0' | 'v2.1', operations: object[]) {
    return send('PATCH', `/v2/images/${id}`, {
      headers: { 'Content-Type': `application/openstack-images-${version}-json-patch` },
      body: JSON.stringify(operations),
    })
  }

  return {
    url,
    send,
    json,
    create,
    upload,
    patch,
    raw: (path: string, request: RawRequest): Promise<RawResponse> => sendRaw(url(path), request),
    show: (id: string) => json(`/v2/images/${id}`),
    post: (body: string) => send('POST', '/v2/images', { body }),
    download: (id: string, headers = {}) => send('GET', `/v2/images/${id}/file`, { headers }),
  }
}

/** An answer without a body, fully read so that its connection is free again. */
async function assertEmpty(response: Response, status: number): Promise<void> {
  assert.equal(await response.text(), '')
  assert.equal(response.status, status)
}

async function assertRefused(response: Response, status: number, reason: RegExp): Promise<void> {
  const text = await response.text()
  assert.match(text, reason)
  assert.equal(response.status, status)
}

function digestOf(algorithm: string, data: string | Uint8Array): string {
  return createHash(algorithm).update(data).digest('hex')
}

function describeVersions({ url, send, json }: Wire): void {
  describe('versions', () => {
    it('offers its versions at the root (300)', async () => {
      const response = await send('GET', '/')
      const { versions } = JSON.parse(await response.text())
      assert.equal(response.status, 300)
      assert.equal(response.headers.get('Content-Type'), 'application/json')
      assert.deepEqual(versions[0], {
        id: 'v2.17',
        status: 'CURRENT',
        links: [{ rel: 'self', href: url('/v2/') }],
      })
    })

    it('offers its versions to a client of an older API (300)', async () => {
      const response = await send('GET', '/v1/images')
      assert.equal(response.status, 300)
      assert.equal(JSON.parse(await response.text()).versions.at(-1).id, 'v2.0')
    })

    it('lists its versions (200)', async () => {
      const response = await send('GET', '/versions')
      assert.equal(response.status, 200)
      const { versions } = JSON.parse(await response.text())
      const statuses = versions.map(({ status }: { status: string }) => status)
      assert.equal(statuses.lastIndexOf('CURRENT'), 0)
    })

    it('takes a minor version in the path (200)', async () => {
      const { first } = await json('/v2.9/images?limit=0')
      assert.equal(first, '/v2/images?limit=0')
    })

    it('takes the version from Accept (200)', async () => {
      const { schema } = await json('/images', 'application/vnd.openstack.images-v2')
      assert.equal(schema, '/v2/schemas/images')
    })
  })
}

function describeFraming({ send, raw }: Wire): void {
  describe('framing', () => {
    it('is healthy (200)', async () => {
      const response = await send('GET', '/healthcheck')
      assert.equal(response.status, 200)
      assert.equal(await response.text(), 'OK')
    })

    it('tells its health as JSON (200)', async () => {
      const response = await send('GET', '/healthcheck', {
        headers: { Accept: 'application/json' },
      })
      assert.equal(response.status, 200)
      assert.deepEqual(JSON.parse(await response.text()), { detailed: false, reasons: ['OK'] })
    })

    it('tells its health to HEAD without a body (204)', async () => {
      await assertEmpty(await send('HEAD', '/healthcheck'), 204)
    })

    it('gives a request an id (200)', async () => {
      const response = await send('GET', '/v2/images?limit=0')
      await response.text()
      assert.match(
        response.headers.get('X-Openstack-Request-Id') ?? '',
        /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
      )
    })

    it('returns the id that the caller chose, on errors too (404)', async () => {
      const response = await send('GET', `/v2/images/${randomUUID()}`, {
        headers: { 'X-Openstack-Request-Id': 'mine' },
      })
      await response.text()
      assert.equal(response.status, 404)
      assert.equal(response.headers.get('X-Openstack-Request-Id'), 'req-mine')
    })

    it('refuses a body where none can mean anything (400)', async () => {
      const { status, body } = await raw(`/v2/images/${randomUUID()}`, {
        method: 'DELETE',
        headers: { 'Content-Length': '2' },
        body: [Buffer.from('{}')],
      })
      assert.match(String(body), /A body is not expected with this request/)
      assert.equal(status, 400)
    })

    it('refuses a path that is not UTF-8 (400)', async () => {
      const response = await send('GET', '/v2/images/%ff')
      await assertRefused(response, 400, /could not be decoded/)
    })
  })
}

function describeErrors({ send, raw }: Wire): void {
  describe('errors', () => {
    const missing = `/v2/images/${randomUUID()}`

    it('are text for a client that accepts nothing in particular (404)', async () => {
      const { status, headers, body } = await raw(missing, { method: 'GET' })
      assert.equal(status, 404)
      assert.equal(headers['content-type'], 'text/plain; charset=UTF-8')
      assert.match(String(body), /^404 Not Found\n\nNo image found with ID [-0-9a-f]+\n\n {3}$/)
    })

    it('are HTML for a client that accepts anything (404)', async () => {
      const response = await send('GET', missing)
      assert.equal(response.headers.get('Content-Type'), 'text/html; charset=UTF-8')
      await assertRefused(response, 404, /<title>404 Not Found<\/title>/)
    })

    it('are JSON for a client that prefers it (404)', async () => {
      const response = await send('GET', missing, { headers: { Accept: 'application/json' } })
      const { code, title } = JSON.parse(await response.text())
      assert.equal(response.status, 404)
      assert.equal(response.headers.get('Content-Type'), 'application/json')
      assert.deepEqual({ code, title }, { code: '404 Not Found', title: 'Not Found' })
    })

    it('name the methods of a resource (405)', async () => {
      const response = await send('PUT', '/v2/images', { body: '{}' })
      assert.equal(response.headers.get('Allow'), 'GET, POST')
      await assertRefused(response, 405, /The method PUT is not allowed for this resource/)
    })

    it('answer HEAD without a body (405)', async () => {
      const response = await send('HEAD', `${missing}/file`)
      assert.equal(response.headers.get('Allow'), 'GET, PUT')
      await assertEmpty(response, 405)
    })

    it('answer an unknown path (404)', async () => {
      await assertRefused(await send('GET', '/v2/nothing'), 404, /could not be found/)
    })

    it('answer an unknown path and method (501)', async () => {
      const response = await send('OPTIONS', '/v2/nothing')
      await assertRefused(response, 501, /The request method OPTIONS is not implemented/)
    })
  })
}

function describeCreate({ url, post, create, show }: Wire): void {
  describe('create', () => {
    it('fills in the defaults and tells the location (201)', async () => {
      const response = await post('{}')
      const image = JSON.parse(await response.text())
      assert.equal(response.status, 201)
      assert.equal(response.headers.get('Content-Type'), 'application/json')
      assert.equal(response.headers.get('Location'), url(`/v2/images/${image.id}`))
      const { id, created_at, updated_at, ...rest } = image
      assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      assert.equal(updated_at, created_at)
      assert.deepEqual(rest, {
        name: null,
        disk_format: null,
        container_format: null,
        visibility: 'shared',
        size: null,
        virtual_size: null,
        status: 'queued',
        checksum: null,
        protected: false,
        min_ram: 0,
        min_disk: 0,
        owner: null,
        os_hidden: false,
        os_hash_algo: null,
        os_hash_value: null,
        tags: [],
        self: `/v2/images/${id}`,
        file: `/v2/images/${id}/file`,
        schema: '/v2/schemas/image',
      })
    })

    it('keeps what it is given, in any script (201)', async () => {
      const given = {
        id: randomUUID(),
        name: 'Ubuntu “Noble” – 日本語',
        ...RAW,
        visibility: 'public',
        min_ram: 512,
        min_disk: 2,
        os_hidden: true,
        owner: 'a-project',
        tags: ['edge', 'größe'],
        hw_disk_bus: 'virtio',
        '': '',
      }
      const created = await create(given)
      assert.deepEqual({ ...created, ...given }, created)
      assert.deepEqual(await show(given.id), created)
    })
  })
}

function describeRefusedCreate({ post, create }: Wire): void {
  describe('create refuses', () => {
    it('malformed JSON (400)', async () => {
      await assertRefused(await post('{"name": '), 400, /Malformed JSON in request body/)
    })

    it('an empty body (400)', async () => {
      await assertRefused(await post(''), 400, /Body expected in request/)
    })

    it('a list (400)', async () => {
      await assertRefused(await post('[]'), 400, /does not match schema/)
    })

    it('a reserved attribute (403)', async () => {
      const response = await post('{"os_glance_x": "1"}')
      await assertRefused(response, 403, /os_glance_x.* is reserved/)
    })

    it('a read-only attribute, whatever its value (403)', async () => {
      await assertRefused(await post('{"size": null}'), 403, /size.* is read-only/)
    })

    it('a custom property that is no text (400)', async () => {
      await assertRefused(await post('{"cores": 4}'), 400, /does not match schema.*cores/)
    })

    it('a name of 256 characters (400)', async () => {
      const body = JSON.stringify({ name: 'n'.repeat(256) })
      await assertRefused(await post(body), 400, /does not match schema.*name/)
    })

    it('an id that is taken (409)', async () => {
      const { id } = await create()
      await assertRefused(await post(JSON.stringify({ id })), 409, /already exists/)
    })
  })
}

function describePatch({ send, create, patch, show }: Wire): void {
  describe('patch', () => {
    it('changes, adds and removes by the 2.1 media type (200)', async () => {
      const { id } = await create({ name: 'before', gone: 'x', kept: 'old' })
      const response = await patch(id, 'v2.1', [
        { op: 'replace', path: '/name', value: 'after' },
        { op: 'add', path: '/kept', value: 'new' },
        { op: 'add', path: '/a~1b', value: 'slash' },
        { op: 'remove', path: '/gone' },
      ])
      const image = JSON.parse(await response.text())
      assert.equal(response.status, 200)
      assert.deepEqual(
        { name: image.name, kept: image.kept, slash: image['a/b'], gone: image.gone },
        { name: 'after', kept: 'new', slash: 'slash', gone: undefined },
      )
      assert.deepEqual(await show(id), image)
    })

    it('takes the 2.0 media type (200)', async () => {
      const { id } = await create()
      const response = await patch(id, 'v2.0', [
        { add: '/os_distro', value: 'debian' },
        { replace: '/min_disk', value: 3 },
      ])
      const { os_distro, min_disk } = JSON.parse(await response.text())
      assert.equal(response.status, 200)
      assert.deepEqual({ os_distro, min_disk }, { os_distro: 'debian', min_disk: 3 })
    })

    it('by the 2.0 media type does not add what is there (409)', async () => {
      const { id } = await create({ os_distro: 'debian' })
      const response = await patch(id, 'v2.0', [{ add: '/os_distro', value: 'x' }])
      await assertRefused(response, 409, /already present/)
    })

    it('names the media types it takes (415)', async () => {
      const { id } = await create()
      const response = await send('PATCH', `/v2/images/${id}`, {
        headers: { 'Content-Type': 'application/json' },
        body: '[]',
      })
      assert.equal(
        response.headers.get('Accept-Patch'),
        'application/openstack-images-v2.0-json-patch, application/openstack-images-v2.1-json-patch',
      )
      await assertRefused(response, 415, /application\/json/)
    })

    it('does not remove what is absent, and then changes nothing (409)', async () => {
      const before = await create({ name: 'before' })
      const response = await patch(before.id, 'v2.1', [
        { op: 'replace', path: '/name', value: 'after' },
        { op: 'remove', path: '/absent' },
      ])
      await assertRefused(response, 409, /Property absent does not exist/)
      assert.deepEqual(await show(before.id), before)
    })

    it('does not remove a base property (403)', async () => {
      const { id } = await create()
      const response = await patch(id, 'v2.1', [{ op: 'remove', path: '/name' }])
      await assertRefused(response, 403, /Property name may not be removed/)
    })

    it('finds no image (404)', async () => {
      await assertRefused(await patch(randomUUID(), 'v2.1', []), 404, /No image found/)
    })
  })
}

function describeTags({ send, create, show }: Wire): void {
  describe('tags', () => {
    it('are added once, in any script (204)', async () => {
      const { id } = await create({ tags: ['first'] })
      const path = `/v2/images/${id}/tags/${encodeURIComponent('größe')}`
      await assertEmpty(await send('PUT', path), 204)
      await assertEmpty(await send('PUT', path), 204)
      assert.deepEqual((await show(id)).tags, ['first', 'größe'])
    })

    it('are removed (204)', async () => {
      const { id } = await create({ tags: ['first', 'second'] })
      await assertEmpty(await send('DELETE', `/v2/images/${id}/tags/first`), 204)
      assert.deepEqual((await show(id)).tags, ['second'])
    })

    it('are not removed when absent (404)', async () => {
      const { id } = await create()
      const response = await send('DELETE', `/v2/images/${id}/tags/absent`)
      await assertRefused(response, 404, /no tag/)
    })
  })
}

function describeMembers({ send, json, create }: Wire): void {
  describe('members', () => {
    const body = (value: object) => ({ body: JSON.stringify(value) })

    it('are added, once, and answer (200, 409)', async () => {
      const path = `/v2/images/${(await create()).id}/members`
      const added = await send('POST', path, body({ member: 'friends' }))
      assert.equal(added.status, 200)
      assert.equal(JSON.parse(await added.text()).status, 'pending')
      const again = await send('POST', path, body({ member: 'friends' }))
      await assertRefused(again, 409, /is duplicated for image/)
      const answer = await send('PUT', `${path}/friends`, body({ status: 'accepted' }))
      assert.equal(answer.status, 200)
      const { members } = await json(path)
      assert.deepEqual([members.length, members[0].status], [1, 'accepted'])
    })

    it('are removed, and come back with their first date (204, 200)', async () => {
      const path = `/v2/images/${(await create()).id}/members`
      const added = await send('POST', path, body({ member: 'friends' }))
      const { created_at } = JSON.parse(await added.text())
      assert.equal((await send('DELETE', `${path}/friends`)).status, 204)
      assert.deepEqual((await json(path)).members, [])
      const again = await send('POST', path, body({ member: 'friends' }))
      assert.equal(JSON.parse(await again.text()).created_at, created_at)
    })

    it('belong to shared images only (403)', async () => {
      const { id } = await create({ visibility: 'private' })
      const refused = await send('POST', `/v2/images/${id}/members`, body({ member: 'friends' }))
      await assertRefused(refused, 403, /Not allowed to create members/)
    })
  })
}

function describeList({ send, json, create }: Wire): void {
  const namesIn = (list: { images: { name: string }[] }) => list.images.map(({ name }) => name)

  describe('list', () => {
    before(async () => {
      await create({ name: 'list-b', tags: ['listed', 'even'], min_ram: 2, zone: 'a b' })
      await create({ name: 'list-a', tags: ['listed'], min_ram: 1, ...RAW })
      await create({ name: 'list-c', tags: ['listed'], min_ram: 3, protected: false })
      await create({ name: 'list-d', tags: ['listed', 'even'], os_hidden: true })
    })

    it('shows the newest first, without hidden images (200)', async () => {
      const list = await json('/v2/images?tag=listed')
      assert.deepEqual(namesIn(list).toSorted(), ['list-a', 'list-b', 'list-c'])
      assert.equal(list.first, '/v2/images?tag=listed')
      assert.equal(list.next, undefined)
      assert.equal(list.schema, '/v2/schemas/images')
    })

    it('goes from page to page by next (200)', async () => {
      const first = await json('/v2/images?tag=listed&limit=2&sort=name:asc')
      assert.deepEqual(namesIn(first), ['list-a', 'list-b'])
      assert.equal(
        first.next,
        `/v2/images?tag=listed&limit=2&sort=name%3Aasc&marker=${first.images[1].id}`,
      )
      const second = await json(first.next)
      assert.deepEqual(namesIn(second), ['list-c'])
      assert.equal(second.first, first.first)
      assert.equal(second.next, undefined)
    })

    it('starts after a marker, in the order asked for (200)', async () => {
      const { images } = await json('/v2/images?name=list-b')
      const query = `sort_key=name&sort_dir=desc&tag=listed&marker=${images[0].id}`
      assert.deepEqual(namesIn(await json(`/v2/images?${query}`)), ['list-a'])
    })

    it('filters by names, a range and a custom property (200)', async () => {
      const query = 'name=in:list-a,list-b,list-c&min_ram_min=2&zone=a+b'
      assert.deepEqual(namesIn(await json(`/v2/images?${query}`)), ['list-b'])
    })

    it('wants every tag, and shows hidden images when asked (200)', async () => {
      const query = 'tag=listed&tag=even&os_hidden=true'
      assert.deepEqual(namesIn(await json(`/v2/images?${query}`)), ['list-d'])
    })

    it('refuses an unknown marker (400)', async () => {
      const response = await send('GET', `/v2/images?marker=${randomUUID()}`)
      await assertRefused(response, 400, /No image found with ID/)
    })

    it('refuses an unknown sort key (400)', async () => {
      await assertRefused(
        await send('GET', '/v2/images?sort=owner'),
        400,
        /Invalid sort key: owner/,
      )
    })

    it('refuses a limit that is no number (400)', async () => {
      await assertRefused(await send('GET', '/v2/images?limit=x'), 400, /must be an integer/)
    })
  })
}

function describeSchemas({ json }: Wire): void {
  describe('schemas', () => {
    it('tell base properties from common custom ones (200)', async () => {
      const { name, properties, additionalProperties } = await json('/v2/schemas/image')
      assert.equal(name, 'image')
      assert.deepEqual(additionalProperties, { type: 'string' })
      assert.equal(properties.status.readOnly, true)
      assert.equal(properties.name.is_base, undefined)
      assert.equal(properties.os_distro.is_base, false)
    })

    it('describe a list by the same image (200)', async () => {
      const { name, properties } = await json('/v2/schemas/images')
      assert.equal(name, 'images')
      assert.deepEqual(properties.images.items, await json('/v2/schemas/image'))
    })
  })
}

function describeDefinitions({ send, json }: Wire): void {
  describe('metadata definitions', () => {
    const root = '/v2/metadefs/namespaces'
    const namespace = `${root}/OS::Wire`
    const post = (path: string, body: object) =>
      send('POST', path, { body: JSON.stringify(body), headers: { Accept: 'application/json' } })

    it('come with their namespace (201, 409)', async () => {
      const body = {
        namespace: 'OS::Wire',
        properties: { cores: { title: 'Cores', type: 'integer', default: 4 } },
        objects: [{ name: 'Timer', properties: {} }],
        tags: [{ name: 'first' }],
        resource_type_associations: [{ name: 'OS::Glance::Image', prefix: 'hw_' }],
      }
      const response = await post(root, body)
      await response.text()
      assert.equal(response.status, 201)
      assert.match(response.headers.get('Location') ?? '', /\/v2\/metadefs\/namespaces\/OS::Wire$/)
      await assertRefused(await post(root, body), 409, /namespace=OS::Wire already exists/)
    })

    it('are shown, and listed in pages (200)', async () => {
      const shown = await json(`${namespace}?resource_type=OS::Glance::Image`)
      assert.equal(shown.properties.hw_cores.default, '4')
      assert.deepEqual(shown.tags, [{ name: 'first' }])
      const { namespaces, next } = await json(`${root}?limit=1&sort_key=namespace`)
      assert.equal(namespaces[0].resource_type_associations[0].prefix, 'hw_')
      assert.deepEqual((await json(next)).namespaces, [])
    })

    it('are added, and refused under a name that is taken (201, 409)', async () => {
      const object = { name: 'Clock', required: ['a'] }
      const response = await post(`${namespace}/objects`, object)
      assert.deepEqual(JSON.parse(await response.text()).required, ['a'])
      await assertRefused(await post(`${namespace}/objects`, object), 409, /name=Clock already/)
      await assertRefused(
        await post(`${namespace}/tags`, { tags: [{ name: 'b' }, { name: 'b' }] }),
        409,
        /same name/,
      )
      const { tags } = await json(`${namespace}/tags`)
      assert.deepEqual(tags, [{ name: 'first' }])
    })

    it('are replaced, and deleted one by one (200, 204)', async () => {
      const body = JSON.stringify({ name: 'cpus', title: 'CPUs', type: 'integer' })
      const response = await send('PUT', `${namespace}/properties/cores`, { body })
      assert.deepEqual(JSON.parse(await response.text()), JSON.parse(body))
      await assertEmpty(await send('DELETE', `${namespace}/properties/cpus`), 204)
      await assertRefused(await send('DELETE', `${namespace}/properties/cpus`), 404, /cpus/)
      await assertEmpty(await send('DELETE', `${namespace}/resource_types/OS::Glance::Image`), 204)
    })

    it('go with their namespace, but not the resource types (204)', async () => {
      await assertEmpty(await send('DELETE', namespace), 204)
      await assertRefused(await send('GET', namespace), 404, /namespace=OS::Wire was not found/)
      const { resource_types } = await json('/v2/metadefs/resource_types')
      assert.equal(resource_types[0].name, 'OS::Glance::Image')
    })

    it('have schemas (200)', async () => {
      assert.equal(
        (await json('/v2/schemas/metadefs/resource_types')).name,
        'resource_type_associations',
      )
    })
  })
}

function describeUpload({ create, upload, raw, show, download }: Wire): void {
  describe('upload', () => {
    it('makes the image active, with size and digests (204)', async () => {
      const { id } = await create(RAW)
      await assertEmpty(await upload(id, 'hello wire'), 204)
      const { status, size, virtual_size, checksum, os_hash_algo, os_hash_value } = await show(id)
      assert.deepEqual(
        { status, size, virtual_size, checksum, os_hash_algo, os_hash_value },
        {
          status: 'active',
          size: 10,
          virtual_size: 10,
          checksum: digestOf('md5', 'hello wire'),
          os_hash_algo: 'sha512',
          os_hash_value: digestOf('sha512', 'hello wire'),
        },
      )
    })

    it('takes no bytes at all, and gives them back (204, 200)', async () => {
      const { id } = await create(RAW)
      await assertEmpty(await upload(id, new Uint8Array()), 204)
      const { status, size, checksum } = await show(id)
      assert.deepEqual(
        { status, size, checksum },
        { status: 'active', size: 0, checksum: digestOf('md5', '') },
      )
      const response = await download(id)
      assert.equal(response.headers.get('Content-Length'), '0')
      await assertEmpty(response, 200)
    })

    it('takes a chunked body of the size announced (204)', async () => {
      const { id } = await create(RAW)
      const { status } = await raw(`/v2/images/${id}/file`, {
        method: 'PUT',
        headers: { ...OCTETS, 'X-Openstack-Image-Size': '10' },
        body: [Buffer.from('hello'), Buffer.from(' wire')],
      })
      assert.equal(status, 204)
      assert.equal((await show(id)).size, 10)
    })
  })
}

function describeRefusedUpload({ create, upload, raw, show, send, download }: Wire): void {
  describe('upload refuses', () => {
    it('another content type (415)', async () => {
      const { id } = await create(RAW)
      const headers = { 'Content-Type': 'text/plain' }
      await assertRefused(await upload(id, 'x', headers), 415, /wanted .*octet-stream/)
      const untyped = { body: new Uint8Array([1]) }
      const response = await send('PUT', `/v2/images/${id}/file`, untyped)
      await assertRefused(response, 415, /wanted .*octet-stream/)
    })

    it('data of an image without formats (400)', async () => {
      const { id } = await create({ disk_format: 'raw' })
      const reason = /Property container_format must be set prior to saving data/
      await assertRefused(await upload(id, 'x'), 400, reason)
    })

    it('data of no image (404)', async () => {
      await assertRefused(await upload(randomUUID(), 'x'), 404, /No image found/)
    })

    it('a large body, and is heard by who sends it first (404)', async () => {
      const { status, body } = await raw(`/v2/images/${randomUUID()}/file`, {
        method: 'PUT',
        headers: OCTETS,
        body: piecesOf(Buffer.alloc(16 * MIB)),
      })
      assert.match(String(body), /No image found/)
      assert.equal(status, 404)
    })

    it('fewer bytes than announced, and keeps nothing (400)', async () => {
      const { id } = await create(RAW)
      const response = await upload(id, 'short', { 'X-Openstack-Image-Size': '10' })
      await assertRefused(response, 400, /expected 10 bytes, got 5 bytes/)
      const { status, size, checksum, os_hash_value } = await show(id)
      assert.deepEqual(
        { status, size, checksum, os_hash_value },
        { status: 'queued', size: null, checksum: null, os_hash_value: null },
      )
      await assertEmpty(await upload(id, 'long enough'), 204)
    })

    it('more bytes than announced, and keeps nothing (400)', async () => {
      const { id } = await create(RAW)
      const { status, body } = await raw(`/v2/images/${id}/file`, {
        method: 'PUT',
        headers: { ...OCTETS, 'X-Openstack-Image-Size': '3' },
        body: [Buffer.from('much longer')],
      })
      assert.match(String(body), /expected 3 bytes, got 11 bytes/)
      assert.equal(status, 400)
      assert.equal((await show(id)).status, 'queued')
    })

    it('data that is not of the format of the image (415)', async () => {
      const { id } = await create({ disk_format: 'qcow2', container_format: 'bare' })
      await assertRefused(await upload(id, 'no qcow2'), 415, /does not match/)
      assert.equal((await show(id)).status, 'queued')
    })

    it('a second upload, and keeps the first (409)', async () => {
      const { id } = await create(RAW)
      await assertEmpty(await upload(id, 'first'), 204)
      await assertRefused(await upload(id, 'second'), 409, /from active to saving is not allowed/)
      assert.equal(await (await download(id)).text(), 'first')
    })
  })
}

function describeDownload({ create, upload, download }: Wire): void {
  describe('download', () => {
    const data = '0123456789'
    const etag = `"${digestOf('sha512', data)}"`
    let id = ''

    before(async () => {
      id = (await create(RAW)).id
      await assertEmpty(await upload(id, data), 204)
    })

    it('sends the bytes, their length and digests (200)', async () => {
      const response = await download(id)
      assert.equal(await response.text(), data)
      assert.equal(response.status, 200)
      const { headers } = response
      assert.equal(headers.get('Content-Type'), 'application/octet-stream')
      assert.equal(headers.get('Content-Length'), '10')
      assert.equal(headers.get('Content-MD5'), digestOf('md5', data))
      assert.equal(headers.get('Accept-Ranges'), 'bytes')
      assert.equal(headers.get('ETag'), etag)
      assert.equal(
        headers.get('Repr-Digest'),
        `sha-512=:${createHash('sha512').update(data).digest('base64')}:`,
      )
    })

    it('has nothing to send of a queued image (204)', async () => {
      const queued = await create(RAW)
      await assertEmpty(await download(queued.id), 204)
    })

    it('sends nothing to a client that has it already (304)', async () => {
      const response = await download(id, { 'If-None-Match': etag })
      assert.equal(response.headers.get('ETag'), etag)
      await assertEmpty(response, 304)
    })

    it('sends nothing to a client that has something else (412)', async () => {
      await assertRefused(await download(id, { 'If-Match': '"other"' }), 412, /ETag is/)
    })

    it('sends a slice (206)', async () => {
      const response = await download(id, { Range: 'bytes=2-4' })
      assert.equal(await response.text(), '234')
      assert.equal(response.status, 206)
      assert.equal(response.headers.get('Content-Range'), 'bytes 2-4/10')
      assert.equal(response.headers.get('Content-Length'), '3')
      assert.equal(response.headers.get('Content-MD5'), digestOf('md5', data))
    })

    it('sends the end (206)', async () => {
      const response = await download(id, { Range: 'bytes=-3' })
      assert.equal(await response.text(), '789')
      assert.equal(response.status, 206)
      assert.equal(response.headers.get('Content-Range'), 'bytes 7-9/10')
    })

    it('sends a slice asked for by Content-Range (206)', async () => {
      const response = await download(id, { 'Content-Range': 'bytes 0-4/*' })
      assert.equal(await response.text(), '01234')
      assert.equal(response.status, 206)
    })

    it('sends the whole when the slice is of something else (200)', async () => {
      const response = await download(id, { Range: 'bytes=2-4', 'If-Range': '"other"' })
      assert.equal(await response.text(), data)
      assert.equal(response.status, 200)
    })

    it('refuses a slice past the end (416)', async () => {
      const response = await download(id, { Range: 'bytes=10-' })
      assert.equal(response.headers.get('Content-Range'), 'bytes */10')
      await assertRefused(response, 416, /not within the 10 bytes/)
    })

    it('refuses several slices (400)', async () => {
      const response = await download(id, { Range: 'bytes=0-1,3-4' })
      await assertRefused(response, 400, /multiple ranges are not supported/)
    })
  })
}

const MIB = 1024 * 1024
/** As the service cuts by default. */
const CHUNK = 8 * MIB
const LARGE = 64 * MIB + 12_345

/** Noise, with zeros for its second, third and last whole chunk. */
function largeData(): Buffer {
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16))
  const data = noise.update(Buffer.alloc(LARGE))
  return data.fill(0, CHUNK, 3 * CHUNK).fill(0, 7 * CHUNK, 8 * CHUNK)
}

/** Of a length that fits into nothing. */
function* piecesOf(data: Buffer): Generator<Buffer> {
  const length = 300_007
  for (let at = 0; at < data.length; at += length) yield data.subarray(at, at + length)
}

function describeLargeData({ create, raw, show, download }: Wire): void {
  describe('64 MiB', () => {
    const data = largeData()
    let id = ''

    async function slice(first: number, last: number): Promise<Buffer> {
      const response = await download(id, { Range: `bytes=${first}-${last}` })
      const bytes = Buffer.from(await response.arrayBuffer())
      assert.equal(response.status, 206)
      assert.equal(response.headers.get('Content-Range'), `bytes ${first}-${last}/${LARGE}`)
      assert.equal(response.headers.get('Content-Length'), String(bytes.length))
      return bytes
    }

    it('are taken in as a stream (204)', async () => {
      id = (await create(RAW)).id
      const { status, body } = await raw(`/v2/images/${id}/file`, {
        method: 'PUT',
        headers: OCTETS,
        body: piecesOf(data),
      })
      assert.equal(status, 204, String(body))
      const { size, checksum, os_hash_value } = await show(id)
      assert.deepEqual(
        { size, checksum, os_hash_value },
        { size: LARGE, checksum: digestOf('md5', data), os_hash_value: digestOf('sha512', data) },
      )
    })

    it('come back whole (200)', async () => {
      const response = await download(id)
      const hash = createHash('sha512')
      for await (const part of response.body ?? []) hash.update(part)
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('Content-Length'), String(LARGE))
      assert.equal(hash.digest('hex'), digestOf('sha512', data))
    })

    it('come back in a slice from bytes into zeros (206)', async () => {
      const [first, last] = [CHUNK - 1000, CHUNK + 999]
      assert.deepEqual(await slice(first, last), data.subarray(first, last + 1))
    })

    it('come back in a slice over several chunks (206)', async () => {
      const [first, last] = [2 * CHUNK + 5, 5 * CHUNK + 7]
      assert.ok((await slice(first, last)).equals(data.subarray(first, last + 1)))
    })

    it('come back in a slice of nothing but zeros (206)', async () => {
      const bytes = await slice(2 * CHUNK - 10, 2 * CHUNK + 9)
      assert.deepEqual(bytes, Buffer.alloc(20))
    })

    it('come back in a slice from zeros to the end (206)', async () => {
      const [first, last] = [8 * CHUNK - 1, LARGE - 1]
      assert.ok((await slice(first, last)).equals(data.subarray(first)))
    })
  })
}

function describeLifecycle({ send, post, create, upload, download, show, patch }: Wire): void {
  const act = (id: string, action: string) => send('POST', `/v2/images/${id}/actions/${action}`)

  describe('an image', () => {
    it('is not deactivated while queued (403)', async () => {
      const { id } = await create()
      const reason = /Not allowed to deactivate image in status/
      await assertRefused(await act(id, 'deactivate'), 403, reason)
    })

    it('is deactivated and reactivated, twice if need be (204)', async () => {
      const { id } = await create(RAW)
      await assertEmpty(await upload(id, 'data'), 204)
      await assertEmpty(await act(id, 'deactivate'), 204)
      await assertEmpty(await act(id, 'deactivate'), 204)
      assert.equal((await show(id)).status, 'deactivated')
      assert.equal(await (await download(id)).text(), 'data')
      await assertEmpty(await act(id, 'reactivate'), 204)
      await assertEmpty(await act(id, 'reactivate'), 204)
      assert.equal((await show(id)).status, 'active')
    })

    it('keeps its formats once it has data (403)', async () => {
      const { id } = await create(RAW)
      await assertEmpty(await upload(id, 'data'), 204)
      const operation = { op: 'replace', path: '/disk_format', value: 'iso' }
      const response = await patch(id, 'v2.1', [operation])
      await assertRefused(response, 403, /can be only replaced for a queued image/)
    })

    it('is not deleted while protected (403)', async () => {
      const { id } = await create({ protected: true })
      await assertRefused(await send('DELETE', `/v2/images/${id}`), 403, /is protected/)
    })

    it('is gone once deleted, data included (204, 404)', async () => {
      const { id } = await create(RAW)
      await assertEmpty(await upload(id, 'data'), 204)
      await assertEmpty(await send('DELETE', `/v2/images/${id}`), 204)
      await assertRefused(await send('GET', `/v2/images/${id}`), 404, /No image found/)
      await assertRefused(await download(id), 404, /No image found/)
      await assertRefused(await send('DELETE', `/v2/images/${id}`), 404, /Failed to find/)
    })

    it('leaves its id taken once deleted (409)', async () => {
      const { id } = await create()
      await assertEmpty(await send('DELETE', `/v2/images/${id}`), 204)
      await assertRefused(await post(JSON.stringify({ id })), 409, /already exists/)
    })
  })
}
