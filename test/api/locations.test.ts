import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { type FileServer, startFileServer } from '../support/file-server.ts'
import {
  BARE_RAW,
  bytesOf,
  createImage,
  deleteImage,
  downloadData,
  errorMessage,
  patchImage,
  showImage,
  uploadData,
} from '../support/images.ts'
import { randomData } from '../support/random-data.ts'
import { ADMIN, asCaller, createTestSite, type TestSite } from '../support/site.ts'

/** A service, in the owner's project. */
const SERVICE = asCaller('owner', 'member,reader,service')
const DATA = randomData(3_000_000)

const hexOf = (algorithm: string, bytes: Uint8Array = DATA) =>
  createHash(algorithm).update(bytes).digest('hex')

let files: FileServer
let site: TestSite

before(async () => {
  files = await startFileServer()
  site = await createTestSite({
    DEFAULT: {
      enabled_backends: 'fast:file, web:http',
      show_multiple_locations: 'true',
      show_image_direct_url: 'true',
      image_location_quota: '3',
    },
    glance_store: { default_backend: 'fast' },
    web: { weight: '-1' },
    heliostat: { chunk_size: '1MB' },
    import_filtering_opts: {
      allowed_hosts: '127.0.0.1',
      allowed_ports: new URL(files.url).port,
    },
    paste_deploy: { flavor: 'trusted' },
  })
})
after(async () => {
  await site.close()
  await files.close()
})

async function refusal(response: Response): Promise<string> {
  return `${response.status} ${await errorMessage(response)}`
}

const queued = async (owner = 'owner') => (await createImage(site, BARE_RAW, asCaller(owner))).id

function post(id: string, body: unknown, headers: Record<string, string> = SERVICE) {
  return site.request(`/v2/images/${id}/locations`, {
    method: 'POST',
    headers: { Accept: 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

/** Resolves when what was registered has been read. */
const readAll = () => site.services.locationReader.read()

async function factsOf(id: string) {
  const { status, size, checksum, os_hash_algo, os_hash_value, locations, stores, direct_url } =
    await showImage(site, id, ADMIN)
  return { status, size, checksum, os_hash_algo, os_hash_value, locations, stores, direct_url }
}

function known(url: string) {
  return {
    status: 'active',
    size: DATA.length,
    checksum: hexOf('md5'),
    os_hash_algo: 'sha512',
    os_hash_value: hexOf('sha512'),
    locations: [{ url, metadata: { store: 'web' } }],
    stores: 'web',
    direct_url: url,
  }
}

describe('a location that is added by itself', () => {
  it('makes the image active, whose bytes are served as they are until they have been read (202)', async () => {
    const url = files.put(DATA)
    const id = await queued()
    assert.equal((await post(id, { url })).status, 202)
    assert.equal((await showImage(site, id, ADMIN)).status, 'active')
    await readAll()
    assert.deepEqual(await factsOf(id), known(url))
    const response = await downloadData(site, id, ADMIN)
    assert.equal(response.headers.get('ETag'), `"${hexOf('sha512')}"`)
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), new Uint8Array(DATA))
  })

  it('is not active before its bytes are what they were said to be (202)', async () => {
    const url = files.put(DATA)
    for (const algorithm of ['sha1', 'sha256', 'sha512', 'md5']) {
      const id = await queued()
      const hash = { os_hash_algo: algorithm, os_hash_value: hexOf(algorithm) }
      assert.equal((await post(id, { url, validation_data: hash })).status, 202)
      await readAll()
      const { status, os_hash_algo, os_hash_value, checksum } = await factsOf(id)
      assert.deepEqual(
        { status, os_hash_algo, os_hash_value, checksum },
        { status: 'active', ...hash, checksum: hexOf('md5') },
      )
    }
  })

  it('with other bytes than were said leaves the image queued, and nothing of it (202)', async () => {
    const url = files.put(DATA)
    const id = await queued()
    const hash = { os_hash_algo: 'sha256', os_hash_value: hexOf('sha256', bytesOf('other')) }
    assert.equal((await post(id, { url, validation_data: hash })).status, 202)
    await readAll()
    assert.deepEqual(await factsOf(id), {
      status: 'queued',
      size: null,
      checksum: null,
      os_hash_algo: null,
      os_hash_value: null,
      locations: [],
      stores: undefined,
      direct_url: undefined,
    })
    assert.equal((await downloadData(site, id, ADMIN)).status, 204)
  })

  it('is told to services and administrators only (403)', async () => {
    const url = files.put(DATA)
    const id = await queued()
    await post(id, { url })
    await readAll()
    const path = `/v2/images/${id}/locations`
    const shown = await site.request(path, { headers: ADMIN })
    assert.deepEqual(await shown.json(), [{ url, metadata: { store: 'web' } }])
    assert.equal((await site.request(path, { headers: asCaller('owner') })).status, 403)
    assert.equal((await site.request(path, { headers: asCaller('stranger') })).status, 404)
  })

  it('may be named by the owner where it lies behind HTTP (202), and by services otherwise (403)', async () => {
    const id = await queued()
    const owner = asCaller('owner')
    assert.equal(
      await refusal(await post(id, { url: 'rbd://a/b/c/snap' }, owner)),
      '403 http store must be enabled to use location API by normal user.',
    )
    assert.equal((await post(id, { url: files.put(DATA) }, owner)).status, 202)
  })

  const unsound: [body: unknown, wanted: RegExp][] = [
    [{}, /^400 Provided object does not match schema 'location': url/],
    [{ url: 'http://a', size: 3 }, /^400 Provided object does not match schema 'location'/],
    [{ url: 'zz' }, /^400 The Store URI was malformed\.$/],
    [{ url: 'cinder://volume' }, /^400 Invalid location$/],
    [{ url: 'file:///etc/passwd' }, /^400 Invalid location$/],
    [{ url: 'http://169.254.169.254/latest' }, /^400 Address is refused/],
    [
      { url: 'http://a', validation_data: { os_hash_algo: 'sha256' } },
      /^400 Provided object does not match schema 'location'/,
    ],
    [
      { url: 'http://a', validation_data: { os_hash_algo: 'crc32', os_hash_value: '00' } },
      /^400 Provided object does not match schema 'location'/,
    ],
    [
      { url: 'http://a', validation_data: { os_hash_algo: 'sha256', os_hash_value: 'zz' } },
      /^400 os_hash_value \(zz\) is not a valid hexadecimal value$/,
    ],
    [
      { url: 'http://a', validation_data: { os_hash_algo: 'sha256', os_hash_value: 'abcd' } },
      /^400 os_hash_value: \(abcd\) is not the correct size for \(sha256\) \(should be \(32\) bytes\)$/,
    ],
  ]
  for (const [body, wanted] of unsound) {
    it(`is refused as ${JSON.stringify(body)}`, async () => {
      const id = await queued()
      assert.match(await refusal(await post(id, body)), wanted)
      assert.equal((await factsOf(id)).status, 'queued')
    })
  }

  it('is refused for an image that has data (409), or is not there (404)', async () => {
    const id = await queued()
    await post(id, { url: files.put(DATA) })
    assert.equal(
      await refusal(await post(id, { url: files.put(DATA) })),
      "409 It's not allowed to add locations if image status is active.",
    )
    const absent = await post('00000000-0000-4000-8000-000000000000', { url: 'http://a' })
    assert.equal(absent.status, 404)
  })
})

describe('a location that cannot be read', () => {
  it('is refused when it is not there (400)', async () => {
    const id = await queued()
    assert.equal(
      await refusal(await post(id, { url: `${files.url}/absent` })),
      '400 Invalid location',
    )
  })
})

describe('an image in two stores', () => {
  const owner = asCaller('owner')
  let id: string
  let url: string

  before(async () => {
    id = await queued()
    await uploadData(site, id, DATA, owner)
    url = files.put(DATA)
    const add = [{ op: 'add', path: '/locations/-', value: { url, metadata: { rack: '7' } } }]
    assert.equal((await patchImage(site, id, add, owner)).status, 200)
    await readAll()
  })

  it('shows both, the one of the store with the higher weight first', async () => {
    const { locations, stores, direct_url, os_hash_value } = await factsOf(id)
    assert.deepEqual(locations, [
      { url: `heliostat://fast/${id}`, metadata: { store: 'fast' } },
      { url, metadata: { rack: '7', store: 'web' } },
    ])
    assert.deepEqual([stores, direct_url], ['fast,web', `heliostat://fast/${id}`])
    assert.equal(os_hash_value, hexOf('sha512'))
  })

  it('is read whole from the other when the first has lost its chunks', async () => {
    const lost: string[] = []
    for await (const { digest } of site.store.list()) lost.push(digest)
    const kept = new Map<string, Uint8Array>()
    for (const digest of lost) {
      const body = await site.store.get(digest)
      kept.set(digest, new Uint8Array(await new Response(body).arrayBuffer()))
      await site.store.delete(digest)
    }
    const response = await downloadData(site, id, ADMIN)
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), new Uint8Array(DATA))
    for (const [digest, bytes] of kept) await site.store.put(digest, bytes)
  })

  it('takes other metadata, but no other locations (400)', async () => {
    const all = (rack: string, other = url) => [
      {
        op: 'replace',
        path: '/locations',
        value: [
          { url: `heliostat://fast/${id}`, metadata: {} },
          { url: other, metadata: { rack } },
        ],
      },
    ]
    assert.equal((await patchImage(site, id, all('8'), owner)).status, 200)
    assert.equal(Object(await factsOf(id)).locations[1].metadata.rack, '8')
    const refused = await patchImage(site, id, all('9', files.put(DATA)), owner)
    assert.match(await refusal(refused), /^400 Original locations is not empty: /)
  })

  it('takes no location twice (400), none at an odd place (400), and no more than it may have (413)', async () => {
    const add = (value: unknown, path = '/locations/-') =>
      patchImage(site, id, [{ op: 'add', path, value }], owner)
    const again = await add({ url, metadata: { rack: '8' } })
    assert.equal(await refusal(again), `400 The location ${url} already exists`)
    const odd = await add({ url: files.put(DATA), metadata: {} }, '/locations/7')
    assert.equal(await refusal(odd), '400 Invalid position for adding a location.')
    assert.equal((await add({ url: files.put(DATA), metadata: {} })).status, 200)
    assert.equal((await add({ url: files.put(DATA), metadata: {} })).status, 413)
    await readAll()
  })

  it('loses one of them by its place (204), though not by an owner (403)', async () => {
    const remove = (place: string, headers = ADMIN) =>
      patchImage(site, id, [{ op: 'remove', path: `/locations/${place}` }], headers)
    assert.equal((await remove('-', owner)).status, 403)
    assert.equal(await refusal(await remove('3')), '400 Invalid position for removing a location.')
    assert.equal((await remove('-')).status, 200)
    assert.equal((await factsOf(id)).stores, 'fast,web')
    const other = await site.request(`/v2/stores/fast/${id}`, { method: 'DELETE', headers: ADMIN })
    assert.equal(other.status, 204)
    assert.equal((await factsOf(id)).stores, 'web')
    assert.equal(await refusal(await remove('0')), '403 Cannot remove last location in the image.')
    const response = await downloadData(site, id, ADMIN)
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), new Uint8Array(DATA))
  })
})

describe('a location with other bytes than its validation_data says', () => {
  it('stays all that the image has, as its owner has made it', async () => {
    const id = await queued()
    const owner = asCaller('owner')
    const said = {
      os_hash_algo: 'sha512',
      os_hash_value: 'ab'.repeat(64),
      checksum: '1'.repeat(32),
    }
    const value = { url: files.put(DATA), metadata: {}, validation_data: said }
    const add = [{ op: 'add', path: '/locations/-', value }]
    assert.equal((await patchImage(site, id, add, owner)).status, 200)
    await readAll()
    const { status, os_hash_value: hash, stores } = await factsOf(id)
    assert.deepEqual([status, hash, stores], ['active', said.os_hash_value, 'web'])
    // An edge would not find out what is right of it.
    const { changes } = await site.services.feed.changes(0)
    assert.equal(changes.find(({ image }) => image.id === id)?.image.status, 'importing')
    const response = await downloadData(site, id, owner)
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), new Uint8Array(DATA))
  })
})

describe('a location with other bytes than the image has', () => {
  it('is taken away again once it has been read', async () => {
    const id = await queued()
    const owner = asCaller('owner')
    await uploadData(site, id, DATA, owner)
    const url = files.put(randomData(DATA.length))
    const add = [{ op: 'add', path: '/locations/-', value: { url, metadata: {} } }]
    assert.equal((await patchImage(site, id, add, owner)).status, 200)
    await readAll()
    assert.equal((await factsOf(id)).stores, 'fast')
    assert.equal((await deleteImage(site, id, owner)).status, 204)
  })
})
