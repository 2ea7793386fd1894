import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { images, imageTags } from '../../schema/tables.ts'
import { countRows } from '../../src/registry/check.ts'
import { openTestRegistry, queuedRow, type TestRegistry } from '../support/registry.ts'

let site: TestRegistry

beforeEach(async () => {
  site = await openTestRegistry()
})
afterEach(() => site.close())

const counted = async () =>
  new Map((await countRows(site.registry)).map(({ table, rows }) => [table, rows]))

describe('countRows', () => {
  it('names every table that the database has', async () => {
    const { rows } = await site.registry.$client.execute(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )
    assert.deepEqual([...(await counted()).keys()].toSorted(), rows.map((row) => row[0]).toSorted())
  })

  it('counts none in a new database but its revisions', async () => {
    const { schema_migrations: revisions, ...others } = Object.fromEntries(await counted())
    assert.ok(revisions)
    assert.ok(Object.values(others).every((rows) => rows === 0))
  })

  it('counts the rows of each table', async () => {
    await site.registry.insert(images).values(queuedRow({ id: 'mine' }))
    await site.registry.insert(imageTags).values([
      { image_id: 'mine', value: 'a' },
      { image_id: 'mine', value: 'b' },
    ])
    const rows = await counted()
    assert.deepEqual([rows.get('images'), rows.get('image_tags'), rows.get('feed')], [1, 2, 0])
  })
})
