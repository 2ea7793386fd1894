import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BARE_RAW } from '../../support/images.ts'
import { assertEmpty, assertRefused, type Wire } from './client.ts'

export function describeLifecycle({
  send,
  post,
  create,
  upload,
  download,
  show,
  patch,
}: Wire): void {
  const act = (id: string, action: string) => send('POST', `/v2/images/${id}/actions/${action}`)

  describe('an image', () => {
    it('is not deactivated while queued (403)', async () => {
      const { id } = await create()
      const reason = /Not allowed to deactivate image in status/
      await assertRefused(await act(id, 'deactivate'), 403, reason)
    })

    it('is deactivated and reactivated, twice if need be (204)', async () => {
      const { id } = await create(BARE_RAW)
      await assertEmpty(await upload(id, 'data'), 204)
      await assertEmpty(await act(id, 'deactivate'), 204)
      await assertEmpty(await act(id, 'deactivate'), 204)
      assert.equal((await show(id)).status, 'deactivated')
      assert.equal(await (await download(id)).text(), 'data')
      await assertEmpty(await act(id, 'reactivate'), 204)
      await assertEmpty(await act(id, 'reactivate'), 204)
      assert.equal((await show(id)).status, 'active')
    })

    it('keeps its formats once it has data (403)', async () => {
      const { id } = await create(BARE_RAW)
      await assertEmpty(await upload(id, 'data'), 204)
      const operation = { op: 'replace', path: '/disk_format', value: 'iso' }
      const response = await patch(id, 'v2.1', [operation])
      await assertRefused(response, 403, /can be only replaced for a queued image/)
    })

    it('is not deleted while protected (403)', async () => {
      const { id } = await create({ protected: true })
      await assertRefused(await send('DELETE', `/v2/images/${id}`), 403, /is protected/)
    })

    it('is gone once deleted, data included (204, 404)', async () => {
      const { id } = await create(BARE_RAW)
      await assertEmpty(await upload(id, 'data'), 204)
      await assertEmpty(await send('DELETE', `/v2/images/${id}`), 204)
      await assertRefused(await send('GET', `/v2/images/${id}`), 404, /No image found/)
      await assertRefused(await download(id), 404, /No image found/)
      await assertRefused(await send('DELETE', `/v2/images/${id}`), 404, /Failed to find/)
    })

    it('leaves its id taken once deleted (409)', async () => {
      const { id } = await create()
      await assertEmpty(await send('DELETE', `/v2/images/${id}`), 204)
      await assertRefused(await post(JSON.stringify({ id })), 409, /already exists/)
    })
  })
}
