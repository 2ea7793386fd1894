import assert from 'node:assert/strict'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  actOn,
  askMembers,
  BARE_RAW,
  createActiveImage,
  createImage,
  shareImage,
  uploadData,
} from '../support/images.ts'
import { openSiteOn } from '../support/local-site.ts'
import { SMALL_CHUNKS } from '../support/options.ts'
import { randomData } from '../support/random-data.ts'
import { temporaryFolder } from '../support/site.ts'
import { runHere } from './in-process.ts'

const MIB = 1 << 20

describe('heliostat export and load', () => {
  let here: Awaited<ReturnType<typeof openOne>>
  let there: Awaited<ReturnType<typeof openOne>>
  let files: Awaited<ReturnType<typeof temporaryFolder>>
  let ids: string[]
  const data = Buffer.concat([randomData(MIB), Buffer.alloc(4 * MIB), randomData(5)])

  before(async () => {
    ;[here, there, files] = await Promise.all([openOne(), openOne(), temporaryFolder()])
    const { id: big } = await createImage(here, { ...BARE_RAW, name: 'big', tags: ['b', 'a'] })
    assert.equal((await uploadData(here, big, data)).status, 204)
    await shareImage(here, big, 'friend')
    const { id: off } = await createActiveImage(here, 'off', {
      visibility: 'public',
      os_hidden: true,
    })
    await actOn(here, off, 'deactivate')
    const { id: queued } = await createImage(here, { name: 'queued' })
    ids = [big, off, queued]
  })
  after(async () => {
    await Promise.all([here.close(), there.close()])
    await files.remove()
  })

  it('writes plain files, with holes for zeros, and once only', async () => {
    const { code, stdout, stderr } = await runHere('export', files.path, ...here.options)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /\nWrote 3 images to .*, 0 were there\n$/)
    const [big, off, queued] = ids
    const names = [`${big}.json`, `${big}.raw`, `${off}.json`, `${off}.raw`, `${queued}.json`]
    assert.deepEqual((await readdir(files.path)).toSorted(), names.toSorted())
    const file = join(files.path, `${big}.raw`)
    assert.deepEqual(await readFile(file), data)
    assert.ok((await stat(file)).blocks * 512 < 3 * MIB)
    const record = JSON.parse(await readFile(join(files.path, `${big}.json`), 'utf8'))
    assert.equal(record.name, 'big')
    assert.equal(record.members[0].member_id, 'friend')
    const again = await runHere('export', files.path, ...here.options)
    assert.match(again.stdout, /^Wrote 0 images to .*, 3 were there\n$/)
  })

  it('takes in what was written, as it was', async () => {
    const { code, stdout, stderr } = await runHere('load', files.path, ...there.options)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /\nImages: took 2 \(5\.0 MiB\), recorded 1 without data, /)
    for (const id of ids) {
      const path = `/v2/images/${id}`
      const [before, now] = await Promise.all([here.request(path), there.request(path)])
      assert.deepEqual(await now.json(), await before.json())
    }
    const path = `${ids[0]}/members`
    const [before, now] = await Promise.all([
      askMembers(here, { method: 'GET', path }),
      askMembers(there, { method: 'GET', path }),
    ])
    assert.deepEqual(await now.json(), await before.json())
  })

  it('takes in nothing of a file that was changed, and names one that is lost', async () => {
    const { id } = await createActiveImage(here, 'changed')
    await runHere('export', files.path, id, ...here.options)
    await writeFile(join(files.path, `${id}.raw`), 'Changed')
    const unknown = 'b1111111-1111-4111-8111-111111111111'
    const { code, stderr } = await runHere('load', files.path, id, unknown, ...there.options)
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`${id}: The source sends other bytes than it tells of`))
    assert.match(stderr, new RegExp(`${unknown}: it is not in the folder`))
    assert.equal((await there.request(`/v2/images/${id}`)).status, 404)
    const lost = await runHere('export', files.path, unknown, ...here.options)
    assert.equal(lost.code, 1)
    assert.match(lost.stderr, new RegExp(`No image found with ID ${unknown}`))
  })
})

async function openOne() {
  const folder = await temporaryFolder()
  const data_dir = join(folder.path, 'data')
  const heliostat = { data_dir, ...SMALL_CHUNKS.heliostat }
  const site = await openSiteOn(folder.path, { paste_deploy: { flavor: '' }, heliostat })
  return {
    ...site,
    options: ['--data-dir', data_dir],
    async close() {
      await site.close()
      await folder.remove()
    },
  }
}
