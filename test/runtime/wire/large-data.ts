import assert from 'node:assert/strict'
import { createCipheriv, createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { BARE_RAW, OCTETS } from '../../support/images.ts'
import { digestOf, MIB, piecesOf, type Wire } from './client.ts'

/** As the service cuts by default. */
const CHUNK = 8 * MIB
const LARGE = 64 * MIB + 12_345

/** Noise, with zeros for its second, third and last whole chunk. */
function largeData(): Buffer {
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16))
  const data = noise.update(Buffer.alloc(LARGE))
  return data.fill(0, CHUNK, 3 * CHUNK).fill(0, 7 * CHUNK, 8 * CHUNK)
}

export function describeLargeData({ create, raw, show, download }: Wire): void {
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
      id = (await create(BARE_RAW)).id
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
