import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assertRefused, type Wire } from './client.ts'

export function describeMembers({ send, json, create }: Wire): void {
  describe('members', () => {
    const body = (value: object) => ({ body: JSON.stringify(value) })

    it('are added, once, and answer (200, 409)', async () => {
      const path = `/v2/images/${(await create()).id}/members`
      const added = await send('POST', path, body({ member: 'friends' }))
      assert.equal(added.status, 200)
      assert.equal(JSON.parse(await added.text()).status, 'pending')
      const again = await send('POST', path, body({ member: 'friends' }))
      await assertRefused(again, 409, /is duplicated for image/)
      const answer = await send('PUT', `${path}/friends`, body({ status: 'accepted' }))
      assert.equal(answer.status, 200)
      const { members } = await json(path)
      assert.deepEqual([members.length, members[0].status], [1, 'accepted'])
    })

    it('are removed, and come back with their first date (204, 200)', async () => {
      const path = `/v2/images/${(await create()).id}/members`
      const added = await send('POST', path, body({ member: 'friends' }))
      const { created_at } = JSON.parse(await added.text())
      assert.equal((await send('DELETE', `${path}/friends`)).status, 204)
      assert.deepEqual((await json(path)).members, [])
      const again = await send('POST', path, body({ member: 'friends' }))
      assert.equal(JSON.parse(await again.text()).created_at, created_at)
    })

    it('belong to shared images only (403)', async () => {
      const { id } = await create({ visibility: 'private' })
      const refused = await send('POST', `/v2/images/${id}/members`, body({ member: 'friends' }))
      await assertRefused(refused, 403, /Not allowed to create members/)
    })
  })
}
