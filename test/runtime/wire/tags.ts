import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assertEmpty, assertRefused, type Wire } from './client.ts'

export function describeTags({ send, create, show }: Wire): void {
  describe('tags', () => {
    it('are added once, in any script (204)', async () => {
      const { id } = await create({ tags: ['first'] })
      const path = `/v2/images/${id}/tags/${encodeURIComponent('größe')}`
      await assertEmpty(await send('PUT', path), 204)
      await assertEmpty(await send('PUT', path), 204)
      assert.deepEqual((await show(id)).tags, ['first', 'größe'])
    })

    it('are removed (204)', async () => {
      const { id } = await create({ tags: ['first', 'second'] })
      await assertEmpty(await send('DELETE', `/v2/images/${id}/tags/first`), 204)
      assert.deepEqual((await show(id)).tags, ['second'])
    })

    it('are not removed when absent (404)', async () => {
      const { id } = await create()
      const response = await send('DELETE', `/v2/images/${id}/tags/absent`)
      await assertRefused(response, 404, /could not be found/)
    })
  })
}
