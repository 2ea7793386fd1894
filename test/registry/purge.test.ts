import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { asc } from 'drizzle-orm'
import {
  cachedImages,
  imageMembers,
  imageProperties,
  images,
  imageTags,
  tasks,
} from '../../schema/tables.ts'
import { type Purged, purgeDeleted, purgeImages } from '../../src/registry/purge.ts'
import { openTestRegistry, queuedRow, type TestRegistry } from '../support/registry.ts'

const LONG_AGO = 1_000
const BEFORE = 2_000
const LATELY = 3_000

let site: TestRegistry
beforeEach(async () => {
  site = await openTestRegistry()
})
afterEach(() => site.close())

const options = (maxRows = Infinity) => ({ before: BEFORE, maxRows })

async function gather(purging: AsyncGenerator<Purged>): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for await (const { table, rows } of purging) found[table] = rows
  return found
}

type Status = 'active' | 'pending_delete' | 'deleted'

/** An image of this name and everything that may hang on it. */
async function addImage(id: string, status: Status, deleted_at: number | null): Promise<void> {
  const { registry } = site
  const times = { created_at: 1, updated_at: 1 }
  await registry.insert(images).values(queuedRow({ id, status, deleted_at }))
  await registry.insert(imageProperties).values({ image_id: id, name: 'a', value: 'b' })
  await registry.insert(imageTags).values({ image_id: id, value: 'a' })
  await registry.insert(cachedImages).values({ image_id: id, hits: 1 })
  await registry.insert(imageMembers).values([
    { image_id: id, member: 'stays', ...times },
    { image_id: id, member: 'left', ...times, deleted_at: LONG_AGO },
    { image_id: id, member: 'leaves', ...times, deleted_at: LATELY },
  ])
}

async function addTasks(count: number, deleted_at: number | null): Promise<void> {
  const task = { type: 'import', status: 'success', created_at: 1, updated_at: 1 } as const
  const rows = Array.from({ length: count }, () => ({
    ...task,
    id: crypto.randomUUID(),
    deleted_at,
  }))
  await site.registry.insert(tasks).values(rows)
}

async function imageIds(): Promise<string[]> {
  const rows = await site.registry.select({ id: images.id }).from(images).orderBy(asc(images.id))
  return rows.map(({ id }) => id)
}

describe('a purge', () => {
  beforeEach(async () => {
    await addImage('alive', 'active', null)
    await addImage('pending', 'pending_delete', LONG_AGO)
    await addImage('deleted lately', 'deleted', LATELY)
    await addImage('deleted', 'deleted', LONG_AGO)
    await addTasks(2, LONG_AGO)
    await addTasks(1, LATELY)
    await addTasks(1, null)
  })

  it('removes what was deleted long ago and what belonged to deleted images, but no image', async () => {
    assert.deepEqual(await gather(purgeDeleted(site.registry, options())), {
      tasks: 2,
      image_members: 4,
      image_properties: 1,
      image_tags: 1,
      cached_images: 1,
    })
    assert.deepEqual(await imageIds(), ['alive', 'deleted', 'deleted lately', 'pending'])
    const members = await site.registry.select().from(imageMembers)
    assert.deepEqual([...new Set(members.map(({ member }) => member))], ['stays', 'leaves'])
    const left = await site.registry.select().from(imageTags).orderBy(asc(imageTags.image_id))
    assert.deepEqual(
      left.map(({ image_id }) => image_id),
      ['alive', 'deleted lately', 'pending'],
    )
  })

  it('finds nothing the second time', async () => {
    await gather(purgeDeleted(site.registry, options()))
    const again = await gather(purgeDeleted(site.registry, options()))
    assert.deepEqual(Object.values(again), [0, 0, 0, 0, 0])
  })

  it('removes so many rows of each table and no more', async () => {
    const { tasks: removed, image_members } = await gather(purgeDeleted(site.registry, options(1)))
    assert.deepEqual([removed, image_members], [1, 1])
    assert.deepEqual(
      Object.values(await gather(purgeDeleted(site.registry, options(0)))),
      [0, 0, 0, 0, 0],
    )
  })

  it('of thousands of rows is done in pages', async () => {
    await addTasks(2_500, LONG_AGO)
    assert.equal((await gather(purgeDeleted(site.registry, options(2_200))))['tasks'], 2_200)
    assert.equal((await gather(purgeDeleted(site.registry, options())))['tasks'], 302)
  })

  it('of the images removes deleted ones with all that is theirs, not those whose data waits', async () => {
    assert.deepEqual(await gather(purgeImages(site.registry, options())), { images: 1 })
    assert.deepEqual(await imageIds(), ['alive', 'deleted lately', 'pending'])
    const members = await site.registry.select().from(imageMembers)
    assert.equal(
      members.some(({ image_id }) => image_id === 'deleted'),
      false,
    )
  })
})
