import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { BARE_RAW } from '../../support/images.ts'
import { assertRefused, type Wire } from './client.ts'

export function describeList({ send, json, create }: Wire): void {
  const namesIn = (list: { images: { name: string }[] }) => list.images.map(({ name }) => name)

  describe('list', () => {
    before(async () => {
      await create({ name: 'list-b', tags: ['listed', 'even'], min_ram: 2, zone: 'a b' })
      await create({ name: 'list-a', tags: ['listed'], min_ram: 1, ...BARE_RAW })
      await create({ name: 'list-c', tags: ['listed'], min_ram: 3, protected: false })
      await create({ name: 'list-d', tags: ['listed', 'even'], os_hidden: true })
    })

    it('shows the newest first, without hidden images (200)', async () => {
      const list = await json('/v2/images?tag=listed')
      assert.deepEqual(namesIn(list).toSorted(), ['list-a', 'list-b', 'list-c'])
      assert.equal(list.first, '/v2/images?tag=listed')
      assert.equal(list.next, undefined)
      assert.equal(list.schema, '/v2/schemas/images')
    })

    it('goes from page to page by next (200)', async () => {
      const first = await json('/v2/images?tag=listed&limit=2&sort=name:asc')
      assert.deepEqual(namesIn(first), ['list-a', 'list-b'])
      assert.equal(
        first.next,
        `/v2/images?tag=listed&limit=2&sort=name%3Aasc&marker=${first.images[1].id}`,
      )
      const second = await json(first.next)
      assert.deepEqual(namesIn(second), ['list-c'])
      assert.equal(second.first, first.first)
      assert.equal(second.next, undefined)
    })

    it('starts after a marker, in the order asked for (200)', async () => {
      const { images } = await json('/v2/images?name=list-b')
      const query = `sort_key=name&sort_dir=desc&tag=listed&marker=${images[0].id}`
      assert.deepEqual(namesIn(await json(`/v2/images?${query}`)), ['list-a'])
    })

    it('filters by names, a range and a custom property (200)', async () => {
      const query = 'name=in:list-a,list-b,list-c&min_ram_min=2&zone=a+b'
      assert.deepEqual(namesIn(await json(`/v2/images?${query}`)), ['list-b'])
    })

    it('wants every tag, and shows hidden images when asked (200)', async () => {
      const query = 'tag=listed&tag=even&os_hidden=true'
      assert.deepEqual(namesIn(await json(`/v2/images?${query}`)), ['list-d'])
    })

    it('refuses an unknown marker (400)', async () => {
      const response = await send('GET', `/v2/images?marker=${randomUUID()}`)
      await assertRefused(response, 400, /No image found with ID/)
    })

    it('refuses an unknown sort key (400)', async () => {
      await assertRefused(
        await send('GET', '/v2/images?sort=owner'),
        400,
        /Invalid sort key: owner/,
      )
    })

    it('refuses a limit that is no number (400)', async () => {
      await assertRefused(await send('GET', '/v2/images?limit=x'), 400, /must be an integer/)
    })
  })
}
