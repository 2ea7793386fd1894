import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createCopyRows } from '../../../src/images/locations/copies.ts'
import { planOf, statementsOf } from '../../support/query-plans.ts'
import { openTestRegistry, type TestRegistry } from '../../support/registry.ts'

let test: TestRegistry
before(async () => {
  test = await openTestRegistry()
})
after(() => test.close())

describe('dead copies', () => {
  it('are looked for every few seconds, among what is being saved and not in all locations', async () => {
    const { registry } = test
    const [statement] = await statementsOf(registry, (noting) => createCopyRows(noting).dead())
    assert.ok(statement)
    const plan = await planOf(registry, statement)
    assert.deepEqual(
      plan.map(({ detail }) => detail),
      ['SCAN image_locations USING INDEX image_locations_saving'],
    )
  })
})
