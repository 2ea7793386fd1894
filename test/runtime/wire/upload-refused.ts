import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { BARE_QCOW2, BARE_RAW, OCTETS } from '../../support/images.ts'
import { assertEmpty, assertRefused, MIB, piecesOf, type Wire } from './client.ts'

export function describeRefusedUpload({ create, upload, raw, show, send, download }: Wire): void {
  describe('upload refuses', () => {
    it('another content type (415)', async () => {
      const { id } = await create(BARE_RAW)
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
      const { id } = await create(BARE_RAW)
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
      const { id } = await create(BARE_RAW)
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
      const { id } = await create(BARE_QCOW2)
      await assertRefused(await upload(id, 'no qcow2'), 415, /does not match/)
      assert.equal((await show(id)).status, 'queued')
    })

    it('no data at all of a format that has a header (415)', async () => {
      const { id } = await create(BARE_QCOW2)
      await assertRefused(await upload(id, new Uint8Array()), 415, /does not match/)
      assert.equal((await show(id)).status, 'queued')
    })

    it('a second upload, and keeps the first (409)', async () => {
      const { id } = await create(BARE_RAW)
      await assertEmpty(await upload(id, 'first'), 204)
      await assertRefused(await upload(id, 'second'), 409, /from active to saving is not allowed/)
      assert.equal(await (await download(id)).text(), 'first')
    })
  })
}
