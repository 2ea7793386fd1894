import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { BARE_RAW } from '../../support/images.ts'
import { assertEmpty, digestOf, type Wire } from './client.ts'

/** More than an answer without a body may be held in memory for. */
const SIZE = 1024 * 1024

export function describeHead({ create, upload, download, send, raw }: Wire): void {
  describe('HEAD', () => {
    const data = new Uint8Array(SIZE).fill(7)
    const etag = `"${digestOf('sha512', data)}"`
    let id = ''

    before(async () => {
      id = (await create(BARE_RAW)).id
      await assertEmpty(await upload(id, data), 204)
    })

    const head = (path: string, headers = {}) => send('HEAD', path, { headers })
    const headOfData = (headers = {}) => head(`/v2/images/${id}/file`, headers)

    it('tells the length and the digests of the data, without it (200)', async () => {
      const response = await headOfData()
      const { headers } = response
      assert.equal(headers.get('Content-Type'), 'application/octet-stream')
      assert.equal(headers.get('Content-Length'), String(SIZE))
      assert.equal(headers.get('Content-MD5'), digestOf('md5', data))
      assert.equal(headers.get('Accept-Ranges'), 'bytes')
      assert.equal(headers.get('ETag'), etag)
      await assertEmpty(response, 200)
    })

    it('leaves the connection to the next request (200)', async () => {
      for (let i = 0; i < 3; i++) await assertEmpty(await headOfData(), 200)
      assert.equal((await (await download(id)).arrayBuffer()).byteLength, SIZE)
    })

    it('ignores a range (200)', async () => {
      const response = await headOfData({ Range: 'bytes=2-4' })
      assert.equal(response.headers.get('Content-Length'), String(SIZE))
      assert.equal(response.headers.get('Content-Range'), null)
      await assertEmpty(response, 200)
    })

    it('has conditions (304, 412)', async () => {
      await assertEmpty(await headOfData({ 'If-None-Match': etag }), 304)
      await assertEmpty(await headOfData({ 'If-Match': '"other"' }), 412)
    })

    it('tells that there is no data yet (204)', async () => {
      const queued = await create(BARE_RAW)
      await assertEmpty(await head(`/v2/images/${queued.id}/file`), 204)
    })

    it('tells of an image, a list and a schema what GET does (200)', async () => {
      for (const path of [`/v2/images/${id}`, '/v2/images?limit=1', '/v2/schemas/image']) {
        const { status, headers, body } = await raw(path, { method: 'HEAD' })
        const shown = await send('GET', path)
        assert.equal(status, 200)
        assert.equal(body.length, 0)
        assert.equal(headers['content-type'], 'application/json')
        assert.equal(headers['content-length'], String((await shown.text()).length))
      }
    })
  })
}
