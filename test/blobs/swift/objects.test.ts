import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import { createSwiftObjects } from '../../../src/blobs/swift/objects.ts'
import { PATIENCE } from '../../../src/blobs/remote/patience.ts'
import type { SwiftOptions } from '../../../src/blobs/swift/settings.ts'
import { shownSwiftUrl } from '../../../src/blobs/swift/url.ts'
import { read } from '../../support/chunks.ts'
import { startSwiftServer, swiftOptions, type SwiftServer } from '../../support/swift-server.ts'

const QUICK = { ...PATIENCE, firstPause: 1, longestPause: 5 }
const PART = 1000

let server: SwiftServer
before(async () => {
  server = await startSwiftServer()
})
after(() => server.close())
beforeEach(() => {
  server.containers.clear()
  server.containers.set('glance', new Map())
  Object.assign(server, { requests: [], pageSize: 10_000 })
  server.trouble = () => null
})

const open = (changes = {}) => createSwiftObjects(server.options('1', changes), fetch, QUICK)
const urlOf = (id: string, container = 'glance') => `swift+config://ref1/${container}/${id}`

function place(key: string, bytes: Buffer, about: { manifest?: string; segments?: string[] } = {}) {
  server.containers.get('glance')?.set(key, {
    bytes,
    headers: {
      ...(about.manifest !== undefined && { 'X-Object-Manifest': about.manifest }),
      ...(about.segments && { 'X-Static-Large-Object': 'True' }),
    },
    storedAt: new Date(),
    segments: about.segments ?? null,
  })
}

/** As Glance writes an image in segments. */
function placeSegments(id: string, count = 3): { bytes: Buffer; names: string[] } {
  const parts = Array.from({ length: count }, () => randomBytes(PART))
  const names = parts.map((_, i) => `${id}-${String(i + 1).padStart(5, '0')}`)
  parts.forEach((part, i) => place(names[i] ?? '', part))
  return { bytes: Buffer.concat(parts), names }
}

const left = () => [...(server.containers.get('glance')?.keys() ?? [])]

describe('image that Glance has written into Swift', () => {
  it('is read in one piece, or across its segments', async () => {
    const [plain, dynamic, fixed] = [randomUUID(), randomUUID(), randomUUID()]
    const whole = randomBytes(3 * PART)
    place(plain, whole)
    const { bytes } = placeSegments(dynamic)
    place(dynamic, Buffer.alloc(0), { manifest: `glance/${dynamic}-` })
    const { bytes: others, names } = placeSegments(fixed)
    place(fixed, Buffer.alloc(0), { segments: names.map((name) => `glance/${name}`) })
    const images = [
      [plain, whole],
      [dynamic, bytes],
      [fixed, others],
    ] as const
    for (const [id, wanted] of images) {
      const store = open()
      assert.equal(await store.size(urlOf(id)), 3 * PART)
      for (const [offset, length] of [
        [0, 3 * PART],
        [PART - 1, PART + 2],
        [2999, 1],
      ] as const) {
        const body = await read(await store.get(urlOf(id), { offset, length }))
        assert.equal(Buffer.compare(body, wanted.subarray(offset, offset + length)), 0)
      }
    }
  })

  it('is null where it is absent, and no image where it is another container', async () => {
    const url = urlOf(randomUUID())
    assert.equal(await open().size(url), null)
    assert.equal(await open().get(url, { offset: 0, length: 1 }), null)
    await assert.rejects(open().size(urlOf(randomUUID(), 'other')), TypeError)
  })

  it('is an error where the container is missing', async () => {
    server.containers.clear()
    const store = open({ swift_store_create_container_on_put: false })
    await assert.rejects(store.size(urlOf(randomUUID())), /does not exist/)
  })
})

describe('delete of an image in Swift', () => {
  const id = randomUUID()

  it('takes the segments as well, page by page, and nothing else', async () => {
    place('another', randomBytes(1))
    placeSegments(id, 11)
    place(id, Buffer.alloc(0), { manifest: `glance/${id}-` })
    server.pageSize = 4
    assert.equal(await open().delete?.(urlOf(id)), 'gone')
    assert.deepEqual(left(), ['another'])
  })

  it('takes those of a static large object', async () => {
    const { names } = placeSegments(id)
    place(id, Buffer.alloc(0), { segments: names.map((name) => `glance/${name}`) })
    assert.equal(await open().delete?.(urlOf(id)), 'gone')
    assert.deepEqual(left(), [])
  })

  it('is no error where it is absent, or a segment is', async () => {
    assert.equal(await open().delete?.(urlOf(id)), 'gone')
    placeSegments(id)
    place(id, Buffer.alloc(0), { manifest: `glance/${id}-` })
    server.trouble = (request) =>
      request.startsWith(`DELETE glance/${id}-`) ? { status: 404 } : null
    assert.equal(await open().delete?.(urlOf(id)), 'gone')
    assert.ok(!left().includes(id))
  })

  it('that fails halfway leaves the manifest, so that it can be done again', async () => {
    const { bytes } = placeSegments(id)
    place(id, Buffer.alloc(0), { manifest: `glance/${id}-` })
    server.trouble = (request) => (request === `DELETE glance/${id}-00002` ? { status: 403 } : null)
    await assert.rejects(async () => open().delete?.(urlOf(id)), /403/)
    assert.ok(left().includes(id))
    server.trouble = () => null
    assert.equal(await open().delete?.(urlOf(id)), 'gone')
    assert.deepEqual(left(), [])
    assert.equal(bytes.length, 3 * PART)
  })

  it('of a static large object is told where Swift has kept some', async () => {
    place(id, Buffer.alloc(0), { segments: [] })
    const headers = { 'Content-Type': 'application/json' }
    const body = Buffer.from('{"Response Status": "400", "Errors": [["/glance/x", "403"]]}')
    server.trouble = (request) =>
      request.startsWith('DELETE') ? { status: 200, headers, body } : null
    await assert.rejects(async () => open().delete?.(urlOf(id)), /has kept 1 segments of it/)
  })

  it('does not follow a manifest to what belongs to others', async () => {
    place('chunks/1', randomBytes(1))
    for (const manifest of ['glance/', 'glance/chunks/', 'glance/%63hunks/', 'other', `${id}-`]) {
      place(id, Buffer.alloc(0), { manifest })
      await assert.rejects(async () => open().delete?.(urlOf(id)), /names segments of others/)
    }
    assert.deepEqual(left().toSorted(), [id, 'chunks/1'].toSorted())
  })

  it('does not ask for a segment whose name would lead elsewhere', async () => {
    place(`${id}-/../../glance/chunks`, randomBytes(1))
    place(id, Buffer.alloc(0), { manifest: `glance/${id}-` })
    await assert.rejects(async () => open().delete?.(urlOf(id)), /cannot be asked for/)
    assert.equal(left().length, 2)
  })
})

const ID = 'a1b2c3d4-0000-4000-8000-00000000000f'
const options = (changes: Partial<SwiftOptions> = {}) =>
  swiftOptions('https://controller:5000/v3/', '3', changes)
const holds = (url: string, changes: Partial<SwiftOptions> = {}) =>
  createSwiftObjects(options(changes), fetch).holds(url)

describe('URL of an image in Swift', () => {
  it('is held with the name of the account in the file', () => {
    assert.equal(holds(`swift+config://ref1/glance/${ID}`), true)
    assert.equal(
      holds(`swift+config://main/glance/${ID}`, { default_swift_reference: 'main' }),
      true,
    )
    assert.equal(holds(`swift+config://ref2/glance/${ID}`), false)
    assert.equal(holds(`swift+config://ref1/v3/glance/${ID}`), false)
  })

  it('is held with the address of the login, of any user of the account', () => {
    for (const url of [
      `swift+https://demo%3Aglance:secret-key@controller:5000/v3/glance/${ID}`,
      `swift://demo:glance:secret-key@controller:5000/v3/glance/${ID}`,
      `swift+https://demo:former:k/e@y:@Controller:5000/v3/glance/${ID}`,
      `swift+https://controller:5000/v3/glance/${ID}`,
    ]) {
      assert.equal(holds(url), true, url)
    }
  })

  it('is not held with another address, account, container or name', () => {
    for (const url of [
      `swift+https://demo%3Aglance:k@elsewhere:5000/v3/glance/${ID}`,
      `swift+https://demo%3Aglance:k@controller:5000/v2/glance/${ID}`,
      `swift+https://other%3Aglance:k@controller:5000/v3/glance/${ID}`,
      `swift+https://demo%3Aglance:k@controller:5000/v3/other/${ID}`,
      `swift+https://demo%3Aglance:k@controller:5000/v3/glance/chunks`,
      `swift+https://demo%3Aglance:k@controller:5000/v3/glance/${ID}%00`,
      `swift+https://demo%3Aglance:k@controller:5000/v3/glance/x/${ID}`,
      `swift+file://controller:5000/v3/glance/${ID}`,
      `https://controller:5000/v3/glance/${ID}`,
    ]) {
      assert.equal(holds(url), false, url)
    }
  })

  it('is held in the containers over which Glance spreads images', () => {
    assert.equal(holds(`swift+config://ref1/glance_a1b/${ID}`), true)
    assert.equal(holds(`swift+config://ref1/glance_a1b2c3d4-0/${ID}`), true)
    assert.equal(holds(`swift+config://ref1/glance_a1c/${ID}`), false)
    assert.equal(holds(`swift+config://ref1/glance_/${ID}`), false)
  })

  it('is shown without user and key', () => {
    const shown = `swift+https://controller:5000/v3/glance/${ID}`
    assert.equal(shownSwiftUrl(shown.replace('//', '//demo%3Aglance:se/cr@et@')), shown)
    assert.equal(shownSwiftUrl(shown), shown)
    assert.equal(
      shownSwiftUrl(`swift+config://ref1/glance/${ID}`),
      `swift+config://ref1/glance/${ID}`,
    )
    assert.equal(shownSwiftUrl('rbd://a/b/c/d'), null)
  })

  it('that is not held is not told, since a key may be in it', async () => {
    const url = `swift+https://demo:glance:secret-key@elsewhere/v3/glance/${ID}`
    await assert.rejects(open().size(url), ({ message }: Error) => !message.includes('secret'))
  })
})
