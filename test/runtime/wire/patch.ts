import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { assertRefused, type Wire } from './client.ts'

export function describePatch({ send, create, patch, show }: Wire): void {
  describe('patch', () => {
    it('changes, adds and removes by the 2.1 media type (200)', async () => {
      const { id } = await create({ name: 'before', gone: 'x', kept: 'old' })
      const response = await patch(id, 'v2.1', [
        { op: 'replace', path: '/name', value: 'after' },
        { op: 'add', path: '/kept', value: 'new' },
        { op: 'add', path: '/a~1b', value: 'slash' },
        { op: 'remove', path: '/gone' },
      ])
      const image = JSON.parse(await response.text())
      assert.equal(response.status, 200)
      assert.deepEqual(
        { name: image.name, kept: image.kept, slash: image['a/b'], gone: image.gone },
        { name: 'after', kept: 'new', slash: 'slash', gone: undefined },
      )
      assert.deepEqual(await show(id), image)
    })

    it('takes the 2.0 media type (200)', async () => {
      const { id } = await create()
      const response = await patch(id, 'v2.0', [
        { add: '/os_distro', value: 'debian' },
        { replace: '/min_disk', value: 3 },
      ])
      const { os_distro, min_disk } = JSON.parse(await response.text())
      assert.equal(response.status, 200)
      assert.deepEqual({ os_distro, min_disk }, { os_distro: 'debian', min_disk: 3 })
    })

    it('by the 2.0 media type does not add what is there (409)', async () => {
      const { id } = await create({ os_distro: 'debian' })
      const response = await patch(id, 'v2.0', [{ add: '/os_distro', value: 'x' }])
      await assertRefused(response, 409, /already present/)
    })

    it('names the media types it takes (415)', async () => {
      const { id } = await create()
      const response = await send('PATCH', `/v2/images/${id}`, {
        headers: { 'Content-Type': 'application/json' },
        body: '[]',
      })
      assert.equal(
        response.headers.get('Accept-Patch'),
        'application/openstack-images-v2.0-json-patch, application/openstack-images-v2.1-json-patch',
      )
      await assertRefused(response, 415, /application\/json/)
    })

    it('does not remove what is absent, and then changes nothing (409)', async () => {
      const before = await create({ name: 'before' })
      const response = await patch(before.id, 'v2.1', [
        { op: 'replace', path: '/name', value: 'after' },
        { op: 'remove', path: '/absent' },
      ])
      await assertRefused(response, 409, /Property absent does not exist/)
      assert.deepEqual(await show(before.id), before)
    })

    it('does not remove a base property (403)', async () => {
      const { id } = await create()
      const response = await patch(id, 'v2.1', [{ op: 'remove', path: '/name' }])
      await assertRefused(response, 403, /Property name may not be removed/)
    })

    it('finds no image (404)', async () => {
      await assertRefused(await patch(randomUUID(), 'v2.1', []), 404, /No image found/)
    })
  })
}
