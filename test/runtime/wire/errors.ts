import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { assertEmpty, assertRefused, type Wire } from './client.ts'

export function describeErrors({ send, raw }: Wire): void {
  describe('errors', () => {
    const missing = `/v2/images/${randomUUID()}`

    it('are text for a client that accepts nothing in particular (404)', async () => {
      const { status, headers, body } = await raw(missing, { method: 'GET' })
      assert.equal(status, 404)
      assert.equal(headers['content-type'], 'text/plain; charset=UTF-8')
      assert.match(String(body), /^404 Not Found\n\nNo image found with ID [-0-9a-f]+\n\n {3}$/)
    })

    it('are HTML for a client that accepts anything (404)', async () => {
      const response = await send('GET', missing)
      assert.equal(response.headers.get('Content-Type'), 'text/html; charset=UTF-8')
      await assertRefused(response, 404, /<title>404 Not Found<\/title>/)
    })

    it('are JSON for a client that prefers it (404)', async () => {
      const response = await send('GET', missing, { headers: { Accept: 'application/json' } })
      const { code, title } = JSON.parse(await response.text())
      assert.equal(response.status, 404)
      assert.equal(response.headers.get('Content-Type'), 'application/json')
      assert.deepEqual({ code, title }, { code: '404 Not Found', title: 'Not Found' })
    })

    it('name the methods of a resource (405)', async () => {
      const response = await send('PUT', '/v2/images', { body: '{}' })
      assert.equal(response.headers.get('Allow'), 'GET, HEAD, POST')
      await assertRefused(response, 405, /The method PUT is not allowed for this resource/)
    })

    it('answer HEAD without a body (404, 405)', async () => {
      await assertEmpty(await send('HEAD', `${missing}/file`), 404)
      const response = await send('HEAD', `${missing}/tags/a`)
      assert.equal(response.headers.get('Allow'), 'PUT, DELETE')
      await assertEmpty(response, 405)
    })

    it('answer an unknown path (404)', async () => {
      await assertRefused(await send('GET', '/v2/nothing'), 404, /could not be found/)
    })

    it('answer an unknown path and method (501)', async () => {
      const response = await send('OPTIONS', '/v2/nothing')
      await assertRefused(response, 501, /The request method OPTIONS is not implemented/)
    })
  })
}
