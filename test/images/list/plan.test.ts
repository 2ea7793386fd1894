import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { LIST_KEYS, VISIBILITIES } from '../../../schema/tables.ts'
import { parseListQuery } from '../../../src/images/list/query.ts'
import { createImageList } from '../../../src/images/list/pages.ts'
import type { Viewer } from '../../../src/images/visibility.ts'
import { planOf, statementsOf } from '../../support/query-plans.ts'
import { openTestRegistry, queuedRow, type TestRegistry } from '../../support/registry.ts'
import { faultsOf } from './plan-faults.ts'

const LIMITS = { limit_param_default: 25, api_limit_max: 1000 }
const VIEWERS: Record<string, Viewer> = {
  'an administrator': { isAdmin: true, projectId: 'mine' },
  'an administrator of no project': { isAdmin: true, projectId: null },
  'a member': { isAdmin: false, projectId: 'mine' },
  'an anonymous caller': { isAdmin: false, projectId: null },
}

let site: TestRegistry
before(async () => {
  site = await openTestRegistry()
})
after(() => site.close())

/** The statements that a list asks, before any that has bounds of its own. */
function statementsOfList(query: string, viewer: Viewer, isLater: boolean) {
  const marker = isLater ? queuedRow({ name: 'one', size: 1 }) : null
  const asked = parseListQuery(new URLSearchParams(query), LIMITS)
  return statementsOf(site.registry, (registry) =>
    createImageList(registry, false)(asked, viewer, marker),
  )
}

/** Lists that take the same time however many images there are. */
const ORDERS = LIST_KEYS.flatMap((key) => [`sort=${key}:asc`, `sort_key=${key}&sort_dir=desc`])
const FILTERED = [
  '',
  'sort_dir=asc',
  'sort=created_at:desc,name:asc',
  'sort=updated_at:asc,size:desc',
  'sort=id:asc,name:asc',
  'name=one',
  'name=in:one,two,three',
  'status=active',
  'disk_format=raw&sort_dir=asc',
  'container_format=in:bare,ami',
  'size=7',
  'status=active&sort=status:asc',
  'status=in:active,queued&sort=status:asc',
  'size_min=7&size_max=9&sort=size:asc',
  'created_at=gt:2024-05-01',
  'updated_at=lt:2024-05-01&sort=updated_at:desc',
  'status=active&created_at=gt:2024-05-01',
  'owner=mine',
  'owner=theirs&sort=name:asc',
  'owner=theirs&status=active',
  'os_hidden=true',
]
const VISIBLE = [...VISIBILITIES, 'all'].map((visibility) => `visibility=${visibility}`)

describe('a list of images', () => {
  for (const [name, viewer] of Object.entries(VIEWERS)) {
    for (const query of [...ORDERS, ...FILTERED, ...VISIBLE]) {
      for (const [page, isLater] of [
        ['first', false],
        ['later', true],
      ] as const) {
        it(`is merged from indexes that have it in order: "${query}", a ${page} page for ${name}`, async () => {
          const asked = await statementsOfList(query, viewer, isLater)
          // Of those who are members of images it is asked first how many these are.
          const isCounted =
            asked.length > 1 && /^SELECT count.* FROM image_members /.test(asked[0]?.sql ?? '')
          assert.ok(asked.length <= (isCounted ? 2 : 1), `${asked.length} statements`)
          for (const statement of asked) {
            const steps = await planOf(site.registry, statement)
            assert.deepEqual(faultsOf(steps), [], steps.map(({ detail }) => detail).join('\n'))
          }
        })
      }
    }
  }
})

describe('what is wrong with a plan', () => {
  it('is a scan of all images', async () => {
    const sql = 'SELECT id FROM images WHERE min_ram = 7'
    assert.deepEqual(faultsOf(await planOf(site.registry, { sql, args: [] })), ['SCAN images'])
  })

  it('is a page that is chosen by sorting', async () => {
    const chosen =
      'SELECT rowid FROM images WHERE os_hidden = 0 AND checksum = 7 AND deleted_at IS NULL ORDER BY min_ram LIMIT 25'
    const sql = `SELECT name FROM images WHERE rowid IN (${chosen})`
    assert.deepEqual(faultsOf(await planOf(site.registry, { sql, args: [] })), [
      'USE TEMP B-TREE FOR ORDER BY',
    ])
  })
})
