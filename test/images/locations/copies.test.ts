import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { InStatement } from '@libsql/client/web'
import { createCopyRows } from '../../../src/images/locations/copies.ts'
import { openRegistry } from '../../../src/registry/database.ts'
import { openTestRegistry, type TestRegistry } from '../../support/registry.ts'

let test: TestRegistry
before(async () => {
  test = await openTestRegistry()
})
after(() => test.close())

describe('dead copies', () => {
  it('are looked for every few seconds, among what is being saved and not in all locations', async () => {
    const { $client } = test.registry
    const asked: Exclude<InStatement, string>[] = []
    const noting = {
      ...$client,
      execute(statement: InStatement) {
        assert.ok(typeof statement === 'object')
        asked.push(statement)
        return $client.execute(statement)
      },
    }
    await createCopyRows(openRegistry(noting)).dead()
    const [statement] = asked
    assert.ok(statement)
    const sql = `EXPLAIN QUERY PLAN ${statement.sql}`
    const { rows } = await $client.execute({ ...statement, sql })
    assert.deepEqual(
      rows.map((row) => row[3]),
      ['SCAN image_locations USING INDEX image_locations_saving'],
    )
  })
})
