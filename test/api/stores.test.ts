import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  BARE_RAW,
  bytesOf,
  createImage,
  deleteImage,
  downloadData,
  errorMessage,
  postImage,
  showImage,
  uploadData,
} from '../support/images.ts'
import { ADMIN, asCaller, createTestSite, type TestSite } from '../support/site.ts'

const SEVERAL = {
  DEFAULT: { enabled_backends: 'fast:file, slow:file, web:http' },
  glance_store: { default_backend: 'fast' },
  fast: { filesystem_store_datadir: '/fast', store_description: 'On flash' },
  slow: { filesystem_store_datadir: '/slow', weight: '-5' },
  paste_deploy: { flavor: 'trusted' },
}

const JSON_ERRORS = { Accept: 'application/json' }

async function refusal(response: Response): Promise<string> {
  return `${response.status} ${await errorMessage(response)}`
}

async function jsonOf(response: Response) {
  assert.equal(response.status, 200)
  return response.json()
}

let site: TestSite
before(async () => {
  site = await createTestSite(SEVERAL)
})
after(() => site.close())

async function uploaded(store?: string): Promise<string> {
  const { id } = await createImage(site, BARE_RAW, ADMIN)
  const headers = { ...ADMIN, ...(store !== undefined && { 'X-Image-Meta-Store': store }) }
  assert.equal((await uploadData(site, id, bytesOf(`data of ${id}`), headers)).status, 204)
  return id
}

async function chunksIn(store: string): Promise<number> {
  let count = 0
  for await (const _ of site.memoryOf(store).list()) count++
  return count
}

describe('the stores of a site', () => {
  it('are listed in the order of the configuration, the default and read-only ones marked by texts (200)', async () => {
    const response = await site.request('/v2/info/stores', { headers: asCaller('any') })
    assert.deepEqual(await jsonOf(response), {
      stores: [
        { id: 'fast', description: 'On flash', default: 'true' },
        { id: 'slow' },
        { id: 'web', 'read-only': 'true' },
      ],
    })
  })

  it('are described to administrators and services (200), and to nobody else (403)', async () => {
    const ask = (headers: Record<string, string>) =>
      site.request('/v2/info/stores/detail', { headers: { ...JSON_ERRORS, ...headers } })
    assert.deepEqual((await jsonOf(await ask(ADMIN))).stores, [
      {
        id: 'fast',
        description: 'On flash',
        default: 'true',
        type: 'file',
        weight: 0,
        properties: {},
      },
      { id: 'slow', type: 'file', weight: -5, properties: {} },
      { id: 'web', 'read-only': 'true', type: 'http', weight: 0, properties: {} },
    ])
    assert.equal((await ask(asCaller('any', 'service'))).status, 200)
    assert.equal((await ask(asCaller('any'))).status, 403)
  })

  it('are told to whoever creates an image, and bring the versions that are about them', async () => {
    const response = await postImage(site, BARE_RAW, ADMIN)
    assert.equal(response.headers.get('OpenStack-image-store-ids'), 'fast,slow,web')
    const { versions } = await (await site.request('/versions')).json()
    const ids = versions.map(({ id }: { id: string }) => id)
    assert.deepEqual(ids.slice(0, 9), [
      'v2.17',
      'v2.15',
      'v2.13',
      'v2.12',
      'v2.11',
      'v2.10',
      'v2.9',
      'v2.8',
      'v2.7',
    ])
  })

  it('have no names where one only is configured (404)', async () => {
    const single = await createTestSite()
    for (const path of ['/v2/info/stores', '/v2/info/stores/detail']) {
      const response = await single.request(path, { headers: JSON_ERRORS })
      assert.equal(await refusal(response), '404 Multi backend is not supported at this site.')
    }
    const { id } = await createImage(single, BARE_RAW)
    const headers = { 'X-Image-Meta-Store': 'zz' }
    assert.equal((await uploadData(single, id, bytesOf('x'), headers)).status, 204)
    assert.equal((await showImage(single, id)).stores, undefined)
    const preferred = await single.request(`/v2/images/${id}/file?prefer=fast`, {
      headers: JSON_ERRORS,
    })
    assert.equal(
      await refusal(preferred),
      '400 Store selection for download is not available when multiple backends are not enabled.',
    )
    await single.close()
  })
})

describe('an upload', () => {
  it('goes to the default store, or to the one that is named, which the image then shows (204)', async () => {
    const before = [await chunksIn('fast'), await chunksIn('slow')]
    const usual = await uploaded()
    const named = await uploaded('slow')
    assert.deepEqual(
      [await chunksIn('fast'), await chunksIn('slow')],
      before.map((count) => count + 1),
    )
    assert.equal((await showImage(site, usual, ADMIN)).stores, 'fast')
    assert.equal((await showImage(site, named, ADMIN)).stores, 'slow')
    const { images } = await jsonOf(await site.request('/v2/images', { headers: ADMIN }))
    const listed = images.find(({ id }: { id: string }) => id === named)
    assert.equal(listed.stores, 'slow')
    assert.equal(await (await downloadData(site, named, ADMIN)).text(), `data of ${named}`)
  })

  it('to a store that is not there is refused before anything else (400)', async () => {
    const headers = { ...ADMIN, ...JSON_ERRORS, 'X-Image-Meta-Store': 'zz' }
    const absent = '00000000-0000-4000-8000-000000000000'
    const response = await uploadData(site, absent, bytesOf('x'), headers)
    assert.equal(await refusal(response), '400 Store for identifier zz not found')
  })

  it('to a store that takes none is refused, and leaves the image queued (410)', async () => {
    const { id } = await createImage(site, BARE_RAW, ADMIN)
    const headers = { ...ADMIN, ...JSON_ERRORS, 'X-Image-Meta-Store': 'web' }
    assert.equal(
      await refusal(await uploadData(site, id, bytesOf('x'), headers)),
      '410 Error in store configuration. Adding images to store is disabled.',
    )
    assert.equal((await showImage(site, id, ADMIN)).status, 'queued')
  })
})

describe('a download with ?prefer', () => {
  const ask = (id: string, prefer: string, headers = {}) =>
    site.request(`/v2/images/${id}/file?prefer=${prefer}`, {
      headers: { ...ADMIN, ...JSON_ERRORS, ...headers },
    })

  it('is read from the store that has the image, whatever is preferred (200, 206)', async () => {
    const id = await uploaded('slow')
    for (const prefer of ['slow', 'fast,slow', ' fast , web ', '']) {
      const response = await ask(id, encodeURIComponent(prefer))
      assert.equal(await response.text(), `data of ${id}`)
    }
    const part = await ask(id, 'slow', { Range: 'bytes=5-6' })
    assert.deepEqual([part.status, await part.text()], [206, 'of'])
  })

  it('is refused for a store that is not there (400), and to who may not choose (403)', async () => {
    const id = await uploaded()
    assert.equal(await refusal(await ask(id, 'fast,zz')), "400 Store 'zz' is not configured.")
    const stranger = await ask(id, 'fast', asCaller('cloud', 'reader'))
    assert.equal(stranger.status, 403)
  })
})

describe('the copy of an image in one store', () => {
  const remove = (store: string, id: string, headers = ADMIN) =>
    site.request(`/v2/stores/${store}/${id}`, {
      method: 'DELETE',
      headers: { ...JSON_ERRORS, ...headers },
    })

  it('is not deleted where it is the only one, whichever store is named (403)', async () => {
    const id = await uploaded()
    const only =
      '403 Cannot delete image data from the only store containing it. Consider deleting the image instead.'
    assert.equal(await refusal(await remove('fast', id)), only)
    assert.equal(await refusal(await remove('slow', id)), only)
    assert.equal(await (await downloadData(site, id, ADMIN)).text(), `data of ${id}`)
  })

  it('is not deleted of an image that is not there (404), has no data (409), or is of others (403)', async () => {
    const { id } = await createImage(site, BARE_RAW, ADMIN)
    assert.equal(
      await refusal(await remove('fast', id)),
      "409 It's not allowed to remove image data from store if image status is not 'active'",
    )
    assert.equal(
      await refusal(await remove('zz', id)),
      '409 The selected store zz is not available on this node.',
    )
    const absent = '00000000-0000-4000-8000-000000000000'
    assert.equal(await refusal(await remove('fast', absent)), `404 Failed to find image ${absent}`)
    assert.equal((await remove('fast', await uploaded(), asCaller('cloud'))).status, 403)
  })
})

describe('an image in a store by name', () => {
  it('is swept from that store when it is deleted, and from no other', async () => {
    const [kept, gone] = [await uploaded('fast'), await uploaded('slow')]
    const before = await chunksIn('fast')
    assert.equal((await deleteImage(site, gone, ADMIN)).status, 204)
    const slow = await chunksIn('slow')
    await site.services.sweeper.sweep(0)
    assert.ok((await chunksIn('slow')) < slow)
    assert.equal(await chunksIn('fast'), before)
    assert.equal(await (await downloadData(site, kept, ADMIN)).text(), `data of ${kept}`)
  })
})
