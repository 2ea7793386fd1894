import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  BARE_RAW,
  bytesOf,
  createImage,
  errorMessage,
  OCTETS,
  patchImage,
  showImage,
  storedChunks,
  UNKNOWN_ID,
  uploadData,
  V21,
} from '../support/images.ts'
import { endedTask, importImage, stageData, tasksOf } from '../support/imports.ts'
import { TRUSTED } from '../support/options.ts'
import { ADMIN, asCaller, createTestSite, type TestSite } from '../support/site.ts'

const OWNER = asCaller('owner')

let site: TestSite
before(async () => {
  site = await createTestSite({
    ...TRUSTED,
    DEFAULT: {
      enabled_backends: 'one:file, two:file, web:http',
      enabled_import_methods: '[glance-direct,web-download,copy-image,glance-download]',
    },
    glance_store: { default_backend: 'one' },
    one: { filesystem_store_datadir: '/one' },
    two: { filesystem_store_datadir: '/two' },
  })
})
after(() => site.close())

async function refusalOf(id: string, asked: unknown, headers = {}): Promise<[number, string]> {
  const response = await importImage(site, id, asked, { ...OWNER, ...headers })
  return [response.status, await errorMessage(response)]
}

async function staged(): Promise<string> {
  const { id } = await createImage(site, BARE_RAW, OWNER)
  assert.equal((await stageData(site, id, 'staged', OWNER)).status, 204)
  return id
}

describe('request of an import', () => {
  it('tells which methods there are, also when an image is created', async () => {
    const response = await site.request('/v2/info/import', { headers: OWNER })
    assert.deepEqual(await response.json(), {
      'import-methods': {
        description: 'Import methods available.',
        type: 'array',
        value: ['glance-direct', 'web-download', 'copy-image', 'glance-download'],
      },
    })
    const created = await site.request('/v2/images', {
      method: 'POST',
      headers: OWNER,
      body: JSON.stringify(BARE_RAW),
    })
    assert.equal(
      created.headers.get('OpenStack-image-import-methods'),
      'glance-direct,web-download,copy-image,glance-download',
    )
  })

  const malformed: [what: string, body: unknown, message: RegExp][] = [
    ['a list', [], /^Import request is \[\], wanted an object/],
    ['no method', {}, /^Import request requires a 'method' field\./],
    ['a method that is no object', { method: 'glance-direct' }, /^'method' is "glance-direct"/],
    ['no name', { method: {} }, /^Import request requires a 'name' field\./],
    ['an unknown name', { method: { name: 'x' } }, /^Unknown import method name 'x'\./],
    [
      'all_stores_must_succeed that is no boolean',
      { method: { name: 'glance-direct' }, all_stores_must_succeed: 'yes' },
      /^'all_stores_must_succeed' must be boolean value only/,
    ],
    [
      'all_stores that is no boolean',
      { method: { name: 'glance-direct' }, all_stores: 1 },
      /^'all_stores' must be boolean value only/,
    ],
  ]
  for (const [what, body, message] of malformed) {
    it(`refuses ${what} before it looks for the image [400]`, async () => {
      const [status, said] = await refusalOf(UNKNOWN_ID, body)
      assert.equal(status, 400)
      assert.match(said, message)
    })
  }

  it('is not found for an image that is not there [404]', async () => {
    const [status, said] = await refusalOf(UNKNOWN_ID, 'glance-direct')
    assert.deepEqual([status, said], [404, `No image found with ID ${UNKNOWN_ID}`])
  })

  it('is for images in the status that the method needs [409]', async () => {
    const { id: active } = await createImage(site, BARE_RAW, OWNER)
    assert.equal((await uploadData(site, active, bytesOf('active'), OWNER)).status, 204)
    const { id: queued } = await createImage(site, BARE_RAW, OWNER)
    const uploading = await staged()
    const web = { method: { name: 'web-download', uri: 'http://192.0.2.1/' } }
    assert.deepEqual(
      [
        await refusalOf(active, 'glance-direct'),
        await refusalOf(queued, 'copy-image'),
        await refusalOf(uploading, web),
        await refusalOf(queued, 'glance-direct'),
      ],
      [
        [409, 'Image with status active cannot be target for import'],
        [409, 'Only images with status active can be targeted for copying'],
        [409, "Image needs to be in 'queued' state to use 'web-download' method"],
        [409, "Image needs to be staged before 'glance-direct' method can be used"],
      ],
    )
  })

  it('needs the formats [409], the container first', async () => {
    const { id } = await createImage(site, {}, OWNER)
    assert.equal((await stageData(site, id, 'x', OWNER)).status, 204)
    const none = await refusalOf(id, 'glance-direct')
    const { id: disk } = await createImage(site, { container_format: 'bare' }, OWNER)
    await stageData(site, disk, 'x', OWNER)
    assert.deepEqual(
      [none, await refusalOf(disk, 'glance-direct')],
      [
        [409, "'container_format' needs to be set before import"],
        [409, "'disk_format' needs to be set before import"],
      ],
    )
  })

  it('is not for whoever may not change the image [403, 404]', async () => {
    const { id } = await createImage(site, { ...BARE_RAW, visibility: 'community' }, OWNER)
    await stageData(site, id, 'x', OWNER)
    const other = await importImage(site, id, 'glance-direct', asCaller('other'))
    assert.equal(other.status, 403)
    const { id: own } = await createImage(site, BARE_RAW, OWNER)
    await stageData(site, own, 'x', OWNER)
    assert.equal((await importImage(site, own, 'glance-direct', asCaller('other'))).status, 404)
  })

  const choices: [what: string, keys: object, headers: object, wanted: [number, RegExp]][] = [
    [
      'all stores and some of them',
      { all_stores: true, stores: [] },
      {},
      [
        400,
        /^All_stores parameter can't be used with x-image-meta-store header or stores parameter/,
      ],
    ],
    [
      'stores and the header',
      { stores: ['one'] },
      { 'X-Image-Meta-Store': 'two' },
      [400, /^Stores parameter and x-image-meta-store header can't be both specified/],
    ],
    [
      'a store that is not there',
      { stores: ['zz'] },
      {},
      [409, /^Store for identifier zz not found/],
    ],
    ['a store that is only read', { stores: ['web'] }, {}, [409, /^Store "web" is only read/]],
    ['an empty list of stores', { stores: [] }, {}, [400, /^'stores' is \[\], wanted a list/]],
    [
      'a text for a list of stores',
      { stores: 'one' },
      {},
      [400, /^'stores' is "one", wanted a list/],
    ],
    ['null for a list of stores', { stores: null }, {}, [400, /^'stores' is null, wanted a list/]],
  ]
  for (const [what, keys, headers, [code, message]] of choices) {
    it(`refuses ${what} [${code}], and the image stays as it is`, async () => {
      const id = await staged()
      const asked = { method: { name: 'glance-direct' }, ...keys }
      const [status, said] = await refusalOf(id, asked, headers)
      assert.equal(status, code)
      assert.match(said, message)
      assert.equal((await showImage(site, id, OWNER)).status, 'uploading')
      assert.deepEqual(await tasksOf(site, id, OWNER), [])
    })
  }

  const addresses = [undefined, 'file:///etc/passwd', 'http://10.0.0.1/', 'http://192.0.2.1:22/', 7]
  for (const uri of addresses) {
    it(`refuses to download from ${JSON.stringify(uri)} [400]`, async () => {
      const { id } = await createImage(site, BARE_RAW, OWNER)
      const [status, said] = await refusalOf(id, { method: { name: 'web-download', uri } })
      assert.equal(status, 400)
      assert.match(said, /^URI for web-download does not pass filtering: /)
      assert.equal((await showImage(site, id, OWNER)).status, 'queued')
    })
  }

  it('refuses a digest that is none [400]', async () => {
    const { id } = await createImage(site, BARE_RAW, OWNER)
    const from = { name: 'web-download', uri: 'http://192.0.2.1/' }
    const [, first] = await refusalOf(id, {
      method: { ...from, os_hash_algo: 'sha256', os_hash_value: 'zz' },
    })
    assert.match(
      first,
      /^'os_hash_algo' is "sha256" and 'os_hash_value' is "zz", wanted one of md5/,
    )
    const [, second] = await refusalOf(id, { method: { ...from, checksum: 'abc  file' } })
    assert.match(second, /^'checksum' is "abc {2}file", wanted a line such as/)
  })

  it('looks at what a download from another region is asked for [400]', async () => {
    const { id } = await createImage(site, BARE_RAW, OWNER)
    const method = { name: 'glance-download', glance_region: 'other', glance_image_id: 'x' }
    assert.deepEqual(await refusalOf(id, { method }), [
      400,
      'Remote image id does not look like a UUID: x',
    ])
    const [status] = await refusalOf(id, { method: { name: 'glance-download' } })
    assert.equal(status, 400)
  })

  it('copies into the stores that an image does not lie in, for administrators [400, 202, 403]', async () => {
    const { id } = await createImage(site, { ...BARE_RAW, visibility: 'community' }, OWNER)
    await stageData(site, id, 'copied', OWNER)
    assert.equal((await importImage(site, id, 'glance-direct', OWNER)).status, 202)
    await endedTask(site, id, OWNER)
    const copyTo = (stores: string[]) => ({ method: { name: 'copy-image' }, stores })
    assert.equal((await importImage(site, id, copyTo(['two']), OWNER)).status, 403)
    const there = await importImage(site, id, copyTo(['one']), ADMIN)
    assert.deepEqual(
      [there.status, await errorMessage(there)],
      [400, "Image is already present at store 'one'"],
    )
    const all = { method: { name: 'copy-image' }, all_stores: true }
    assert.equal((await importImage(site, id, all, ADMIN)).status, 202)
    await endedTask(site, id, ADMIN)
    assert.equal((await showImage(site, id, OWNER)).stores, 'one,two')
    const before = await tasksOf(site, id, ADMIN)
    assert.equal((await importImage(site, id, all, ADMIN)).status, 202)
    assert.deepEqual(await tasksOf(site, id, ADMIN), before)
  })
})

describe('staging', () => {
  it('wants octets [415], an image [404] that is queued [409]', async () => {
    const { id } = await createImage(site, BARE_RAW, OWNER)
    const json = { 'Content-Type': 'application/json' }
    assert.equal((await stageData(site, id, 'x', { ...OWNER, ...json })).status, 415)
    assert.equal((await stageData(site, UNKNOWN_ID, 'x', OWNER)).status, 404)
    assert.equal((await stageData(site, id, 'x', OWNER)).status, 204)
    const again = await stageData(site, id, 'x', OWNER)
    assert.deepEqual(
      [again.status, await errorMessage(again)],
      [409, 'Image status transition from uploading to uploading is not allowed'],
    )
  })

  it('takes an announced size for a hint', async () => {
    const { id } = await createImage(site, BARE_RAW, OWNER)
    const announced = { ...OWNER, 'X-Openstack-Image-Size': '3' }
    assert.equal((await stageData(site, id, 'five!', announced)).status, 204)
    const { size, status, checksum } = await showImage(site, id, OWNER)
    assert.deepEqual({ size, status, checksum }, { size: 5, status: 'uploading', checksum: null })
  })

  it('leaves the formats fixed [403] and the bytes unread [204]', async () => {
    const id = await staged()
    const change = [{ op: 'replace', path: '/disk_format', value: 'qcow2' }]
    const patched = await patchImage(site, id, change, { ...OWNER, 'Content-Type': V21 })
    assert.equal(patched.status, 403)
    const file = await site.request(`/v2/images/${id}/file`, { headers: OWNER })
    assert.equal(file.status, 204)
    const upload = await site.request(`/v2/images/${id}/file`, {
      method: 'PUT',
      headers: { ...OWNER, ...OCTETS },
      body: 'x',
    })
    assert.equal(upload.status, 409)
  })

  it('refuses what is not of the format, and queues the image again [415]', async () => {
    const { id } = await createImage(site, { ...BARE_RAW, disk_format: 'qcow2' }, OWNER)
    const response = await stageData(site, id, 'no qcow2', OWNER)
    assert.equal(response.status, 415)
    const { status, size } = await showImage(site, id, OWNER)
    assert.deepEqual({ status, size }, { status: 'queued', size: null })
  })

  it('is gone with its image', async () => {
    const before = await storedChunks(site)
    const { id } = await createImage(site, BARE_RAW, OWNER)
    await stageData(site, id, 'soon gone', OWNER)
    const deleted = await site.request(`/v2/images/${id}`, { method: 'DELETE', headers: OWNER })
    assert.equal(deleted.status, 204)
    await site.services.sweeper.sweep(0)
    assert.deepEqual(
      (await storedChunks(site)).filter((digest) => !before.includes(digest)),
      [],
    )
  })

  it('is not there where the method is not enabled [404]', async () => {
    const other = await createTestSite({ DEFAULT: { enabled_import_methods: 'web-download' } })
    const { id } = await createImage(other, BARE_RAW)
    assert.equal((await stageData(other, id, 'x')).status, 404)
    await other.close()
  })
})
