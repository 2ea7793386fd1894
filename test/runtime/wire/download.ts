import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { BARE_RAW } from '../../support/images.ts'
import { assertEmpty, assertRefused, digestOf, type Wire } from './client.ts'

export function describeDownload({ create, upload, download }: Wire): void {
  describe('download', () => {
    const data = '0123456789'
    const etag = `"${digestOf('sha512', data)}"`
    let id = ''

    before(async () => {
      id = (await create(BARE_RAW)).id
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
      const queued = await create(BARE_RAW)
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
