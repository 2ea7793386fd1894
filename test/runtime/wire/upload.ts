import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BARE_RAW, OCTETS } from '../../support/images.ts'
import { assertEmpty, digestOf, type Wire } from './client.ts'

export function describeUpload({ create, upload, raw, show, download }: Wire): void {
  describe('upload', () => {
    it('makes the image active, with size and digests (204)', async () => {
      const { id } = await create(BARE_RAW)
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
      const { id } = await create(BARE_RAW)
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
      const { id } = await create(BARE_RAW)
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
