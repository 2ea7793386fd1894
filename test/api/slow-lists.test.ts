import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { writeManyImages } from '../support/many-images.ts'
import { TRUSTED } from '../support/options.ts'
import { ADMIN, createTestSite, type TestSite } from '../support/site.ts'

/** So many are answered at most while the steps of a list take their turns with those of others. */
const MOST_IN_TURN = 5

describe('a list that no index serves', () => {
  let site: TestSite
  before(async () => {
    site = await createTestSite(TRUSTED)
    await writeManyImages(site.registry, 10_000)
  })
  after(() => site.close())

  const get = (path: string) => site.request(path, { headers: ADMIN })

  async function idsOf(query: string): Promise<string[]> {
    const response = await get(`/v2/images?${query}`)
    assert.equal(response.status, 200)
    const { images }: { images: { id: string }[] } = await response.json()
    return images.map(({ id }) => id)
  }

  it('lets others be answered while it is looked for (200)', async () => {
    const [id = ''] = await idsOf('limit=1')
    let isRunning = true
    const slow = idsOf('min_ram=77&sort=name:asc').finally(() => (isRunning = false))
    let answered = 0
    for (; isRunning; answered++) {
      assert.equal((await get(`/v2/images/${id}`)).status, 200)
      // What has come of the list is told between two events.
      await setImmediate()
    }
    assert.deepEqual(await slow, [])
    assert.ok(answered > MOST_IN_TURN, `${answered} answers`)
  })

  it('shows what was changed just before (200)', async () => {
    const [id = ''] = await idsOf('limit=1')
    const response = await site.request(`/v2/images/${id}`, {
      method: 'PATCH',
      headers: { ...ADMIN, 'Content-Type': 'application/openstack-images-v2.1-json-patch' },
      body: JSON.stringify([{ op: 'replace', path: '/min_ram', value: 77 }]),
    })
    assert.equal(response.status, 200)
    assert.deepEqual(await idsOf('min_ram=77&sort=name:asc'), [id])
  })
})
