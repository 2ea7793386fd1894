import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sql } from 'drizzle-orm'
import { uploads } from '../../schema/tables.ts'
import { UPLOAD_LEASE_MS } from '../../src/inventory/leases.ts'
import {
  askMembers,
  BARE_RAW,
  createImage,
  deleteImage,
  downloadData,
  patchImage,
  showImage,
  uploadData,
} from '../support/images.ts'
import { sha256, siteAt } from '../support/mirrors.ts'
import { hasDuty, openOrigin, type Origin } from '../support/nodes.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData, stallingBody } from '../support/random-data.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'
import { bucketOptions } from '../support/s3-site.ts'
import { eventually } from '../support/server.ts'

const MIB = 1 << 20
/** As often as a node looks whether it is to do the upkeep. */
const LOOK_MS = 5_000

describe('two nodes on one libSQL server and one bucket', () => {
  let s3: S3Server
  let origin: Origin
  let one: RunningProcess
  let other: RunningProcess
  const bytes = randomData(3 * MIB + 5)

  before(async () => {
    s3 = await startS3Server()
    origin = await openOrigin({
      DEFAULT: { enabled_backends: 'bucket:s3' },
      glance_store: { default_backend: 'bucket' },
      heliostat: { chunk_size: '1MB', sweep_grace: '0' },
      bucket: bucketOptions(s3, 'images'),
    })
    ;[one, other] = await Promise.all([origin.start('one'), origin.start('other')])
  })
  after(async () => {
    await Promise.all([one.stop(), other.stop()])
    await origin.close()
    s3.close()
  })

  async function publish({ url }: RunningProcess): Promise<string> {
    const { id } = await createImage(siteAt(url), BARE_RAW)
    assert.equal((await uploadData(siteAt(url), id, bytes)).status, 204)
    return id
  }

  async function digestAt({ url }: RunningProcess, id: string): Promise<string> {
    const response = await downloadData(siteAt(url), id)
    assert.equal(response.status, 200)
    return sha256(new Uint8Array(await response.arrayBuffer()))
  }

  it('do the upkeep once', async () => {
    const duties = await eventually('one of them does it', LOOK_MS, async () => {
      const found = await Promise.all([one, other].map(({ url }) => hasDuty(url)))
      return found.includes(true) ? found : null
    })
    assert.equal(duties.filter(Boolean).length, 1)
  })

  it('show, list and give what was uploaded at the other at once (200)', async () => {
    const id = await publish(one)
    assert.equal((await showImage(siteAt(other.url), id)).status, 'active')
    const listed = await (await fetch(`${other.url}/v2/images?id=in:${id}`)).json()
    assert.deepEqual(
      listed.images.map((image: { id: string }) => image.id),
      [id],
    )
    assert.equal(await digestAt(other, id), sha256(bytes))
  })

  it('show what was changed at the other at once, members too', async () => {
    const id = await publish(one)
    await showImage(siteAt(one.url), id)
    const rename = [{ op: 'replace', path: '/name', value: 'renamed' }]
    assert.equal((await patchImage(siteAt(other.url), id, rename)).status, 200)
    assert.equal((await showImage(siteAt(one.url), id))['name'], 'renamed')
    const added = await askMembers(siteAt(other.url), {
      method: 'POST',
      path: `${id}/members`,
      body: { member: 'guest' },
    })
    assert.equal(added.status, 200)
    const seen = await (await fetch(`${one.url}/v2/images/${id}/members`)).json()
    assert.deepEqual(
      seen.members.map((member: { member_id: string }) => member.member_id),
      ['guest'],
    )
  })

  it('give nothing of what was deleted at the other, though they have read it (404)', async () => {
    const id = await publish(one)
    await Promise.all([digestAt(one, id), digestAt(other, id)])
    assert.equal((await deleteImage(siteAt(other.url), id)).status, 204)
    assert.equal((await downloadData(siteAt(one.url), id)).status, 404)
    assert.equal((await fetch(`${one.url}/v2/images/${id}`)).status, 404)
  })

  it('clean up after each other, whoever dies in the middle of an upload', async () => {
    const [busy, idle] = (await hasDuty(one.url)) ? [one, other] : [other, one]
    const { id } = await createImage(siteAt(busy.url), BARE_RAW)
    const before = s3.buckets.get('images')?.size ?? 0
    const broken = uploadData(siteAt(busy.url), id, stallingBody(2, MIB)).catch(() => null)
    await eventually('a chunk is stored', 5_000, () =>
      (s3.buckets.get('images')?.size ?? 0) > before ? true : null,
    )
    await busy.kill()
    assert.equal(await broken, null)
    await letLeasesEnd(origin)
    await eventually('the other does the upkeep', LOOK_MS + 2_000, async () =>
      (await hasDuty(idle.url)) ? true : null,
    )
    await eventually('the image is queued again', 2_000, async () =>
      (await showImage(siteAt(idle.url), id)).status === 'queued' ? true : null,
    )
    await eventually('nothing of it is left', 2_000, async () =>
      neededAndStored(origin, s3).then(({ needed, stored }) =>
        needed.join() === stored.join() ? true : null,
      ),
    )
    assert.equal((await uploadData(siteAt(idle.url), id, bytes)).status, 204)
  })
})

/** As if the time had passed after which a silent process counts as dead. */
async function letLeasesEnd({ registry }: Origin): Promise<void> {
  await registry.run(
    sql`UPDATE site SET value = json_set(value, '$.until', 0) WHERE key = 'duty:upkeep'`,
  )
  await registry.update(uploads).set({ heartbeat_at: sql`heartbeat_at - ${UPLOAD_LEASE_MS + 1}` })
}

async function neededAndStored({ registry }: Origin, s3: S3Server) {
  const { rows } = await registry.$client.execute(
    'SELECT DISTINCT digest FROM blob_chunks WHERE digest IS NOT NULL ORDER BY digest',
  )
  const keys = [...(s3.buckets.get('images')?.keys() ?? [])]
  return {
    needed: rows.map((row) => `chunks/${String(row[0])}`),
    stored: keys.filter((key) => key.startsWith('chunks/')).toSorted(),
  }
}
