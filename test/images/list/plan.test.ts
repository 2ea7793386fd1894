import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { InStatement } from '@libsql/client/web'
import { parseListQuery } from '../../../src/images/list/query.ts'
import { createImageReads } from '../../../src/images/reads.ts'
import { openRegistry } from '../../../src/registry/database.ts'
import { openTestRegistry, type TestRegistry } from '../../support/registry.ts'

const LIMITS = { limit_param_default: 25, api_limit_max: 1000 }
const VIEWERS = {
  administrator: { isAdmin: true, projectId: 'mine' },
  member: { isAdmin: false, projectId: 'mine' },
}

let site: TestRegistry
before(async () => {
  site = await openTestRegistry()
})
after(() => site.close())

/** How SQLite goes about a list: the steps that concern the images themselves. */
async function planOf(query: string, viewer: { isAdmin: boolean; projectId: string }) {
  const { $client } = site.registry
  const asked: InStatement[] = []
  const noting = {
    ...$client,
    execute(statement: InStatement) {
      asked.push(statement)
      return $client.execute(statement)
    },
  }
  const reads = createImageReads(openRegistry(noting), false)
  await reads.list(parseListQuery(new URLSearchParams(query), LIMITS), viewer, null)
  const [list] = asked
  assert.ok(typeof list === 'object')
  const { rows } = await $client.execute({ ...list, sql: `EXPLAIN QUERY PLAN ${list.sql}` })
  const steps = rows.map((row) => String(row[3]))
  // Within an image its tags are put in order; the images themselves must not be.
  return steps.filter((step) => /\bimages\b|ORDER BY$/.test(step))
}

/** Lists that may be long, with the index whose order they are read in until the page is full. */
const WALKED: [query: string, index: string][] = [
  ['', 'images_by_creation'],
  ['sort=created_at:asc', 'images_by_creation'],
  ['status=active', 'images_by_creation'],
  ['sort_key=name&sort_dir=asc', 'images_by_name'],
  ['sort_key=updated_at', 'images_by_update'],
  ['visibility=public', 'images_by_visibility'],
  ['visibility=community', 'images_by_visibility'],
]

/** Lists that find few. */
const SEARCHED: [query: string, index: string][] = [
  ['name=one', 'images_by_name'],
  ['owner=mine', 'images_by_owner'],
  ['checksum=0123', 'images_by_checksum'],
  ['os_hash_value=0123', 'images_by_hash'],
]

describe('a list of images', () => {
  for (const [role, viewer] of Object.entries(VIEWERS)) {
    for (const [query, index] of [...WALKED, ...SEARCHED]) {
      it(`is read in order from ${index}, and not sorted: "${query}", for a ${role}`, async () => {
        const steps = await planOf(query, viewer)
        assert.equal(steps.length, 1, steps.join('; '))
        assert.match(steps[0] ?? '', new RegExp(`images USING INDEX ${index} `))
      })
    }
  }
})
