import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { BARE_RAW, shownDefaults } from '../../support/images.ts'
import type { Wire } from './client.ts'

export function describeCreate({ url, post, create, show }: Wire): void {
  describe('create', () => {
    it('fills in the defaults and tells the location (201)', async () => {
      const response = await post('{}')
      const image = JSON.parse(await response.text())
      assert.equal(response.status, 201)
      assert.equal(response.headers.get('Content-Type'), 'application/json')
      assert.equal(response.headers.get('Location'), url(`/v2/images/${image.id}`))
      const { id, created_at, updated_at, ...rest } = image
      assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      assert.equal(updated_at, created_at)
      assert.deepEqual(rest, shownDefaults(id))
    })

    it('keeps what it is given, in any script (201)', async () => {
      const given = {
        id: randomUUID(),
        name: 'Ubuntu “Noble” – 日本語',
        ...BARE_RAW,
        visibility: 'public',
        min_ram: 512,
        min_disk: 2,
        os_hidden: true,
        owner: 'a-project',
        tags: ['edge', 'größe'],
        hw_disk_bus: 'virtio',
        '': '',
      }
      const created = await create(given)
      assert.deepEqual({ ...created, ...given }, created)
      assert.deepEqual(await show(given.id), created)
    })
  })
}
