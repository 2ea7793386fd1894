import { describe, it } from 'node:test'
import { assertRefused, type Wire } from './client.ts'

export function describeRefusedCreate({ post, create }: Wire): void {
  describe('create refuses', () => {
    it('malformed JSON (400)', async () => {
      await assertRefused(await post('{"name": '), 400, /Malformed JSON in request body/)
    })

    it('an empty body (400)', async () => {
      await assertRefused(await post(''), 400, /Body expected in request/)
    })

    it('a list (400)', async () => {
      await assertRefused(await post('[]'), 400, /does not match schema/)
    })

    it('a reserved attribute (403)', async () => {
      const response = await post('{"os_glance_x": "1"}')
      await assertRefused(response, 403, /os_glance_x.* is reserved/)
    })

    it('a read-only attribute, whatever its value (403)', async () => {
      await assertRefused(await post('{"size": null}'), 403, /size.* is read-only/)
    })

    it('a custom property that is no text (400)', async () => {
      await assertRefused(await post('{"cores": 4}'), 400, /does not match schema.*cores/)
    })

    it('a name of 256 characters (400)', async () => {
      const body = JSON.stringify({ name: 'n'.repeat(256) })
      await assertRefused(await post(body), 400, /does not match schema.*name/)
    })

    it('an id that is taken (409)', async () => {
      const { id } = await create()
      await assertRefused(await post(JSON.stringify({ id })), 409, /already exists/)
    })
  })
}
