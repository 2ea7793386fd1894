import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { assertEmpty, assertRefused, type Wire } from './client.ts'

export function describeFraming({ send, raw }: Wire): void {
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
