import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import {
  askMembers,
  bytesOf,
  createActiveImage,
  deleteImage,
  patchImage,
  uploadData,
} from '../support/images.ts'
import { createNamespace, metadefs } from '../support/metadefs.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

let site: TestSite
let id: string
before(async () => {
  site = await createTestSite({ DEFAULT: { image_member_quota: '1' } })
})
after(() => site.close())
beforeEach(async () => {
  ;({ id } = await createActiveImage(site, 'the bytes'))
})

/** Asks, expects the status, and tells how many rows the feed has more than before. */
async function announced(status: number, ask: () => Promise<Response>): Promise<number> {
  const before = await site.services.feed.seq()
  assert.equal((await ask()).status, status)
  return (await site.services.feed.seq()) - before
}

const addMember = (member: string) =>
  askMembers(site, { method: 'POST', path: `${id}/members`, body: { member } })

describe('what is refused announces nothing to mirrors', () => {
  it('uploads to an image that is active (409)', async () => {
    const rows = await announced(409, () => uploadData(site, id, bytesOf('other bytes')))
    assert.equal(rows, 0)
  })

  it('the deletion of a protected image (403)', async () => {
    const change = [{ op: 'replace', path: '/protected', value: true }]
    assert.equal((await patchImage(site, id, change)).status, 200)
    assert.equal(await announced(403, () => deleteImage(site, id)), 0)
  })

  it('a member who is one already (409), and one too many (413)', async () => {
    assert.equal(await announced(200, () => addMember('alice')), 1)
    assert.equal(await announced(409, () => addMember('alice')), 0)
    assert.equal(await announced(413, () => addMember('bob')), 0)
  })

  it('entries of a namespace whose name is taken (409)', async () => {
    await createNamespace(site, { namespace: 'OS::Taken' })
    const add = () => metadefs(site, 'POST', 'namespaces/OS::Taken/tags/small')
    assert.equal(await announced(201, add), 1)
    assert.equal(await announced(409, add), 0)
  })

  it('resource types that are there already, with the association that names them (201)', async () => {
    const associate = (namespace: string) =>
      metadefs(site, 'POST', `namespaces/${namespace}/resource_types`, {
        body: { name: 'OS::Host' },
      })
    await createNamespace(site, { namespace: 'OS::One' })
    await createNamespace(site, { namespace: 'OS::Two' })
    assert.equal(await announced(201, () => associate('OS::One')), 2)
    assert.equal(await announced(201, () => associate('OS::Two')), 1)
  })
})
