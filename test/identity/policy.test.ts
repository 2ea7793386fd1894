import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import {
  actOn,
  BARE_RAW,
  bytesOf,
  createImage,
  deleteImage,
  downloadData,
  patchImage,
  postImage,
  shareImage,
  uploadData,
} from '../support/images.ts'
import { asCaller, createTestSite, type TestSite } from '../support/site.ts'

const OWNER = asCaller('alice')
const RENAME = [{ op: 'replace', path: '/name', value: 'renamed' }]

let site: TestSite
let queued: string
let active: string

before(async () => {
  site = await createTestSite({ paste_deploy: { flavor: 'trusted' } })
})
after(() => site.close())

async function makeImages(visibility: string): Promise<void> {
  const admin = asCaller('alice', 'admin,member,reader')
  queued = (await createImage(site, { ...BARE_RAW, visibility }, admin)).id
  active = (await createImage(site, { ...BARE_RAW, visibility }, admin)).id
  await uploadData(site, active, bytesOf('data'), OWNER)
}

/** The status of every way to use the images of project alice, as one word each. */
async function statuses(headers: Record<string, string>): Promise<Record<string, number>> {
  const tag = `/v2/images/${queued}/tags/t`
  return {
    show: (await site.request(`/v2/images/${active}`, { headers })).status,
    download: (await downloadData(site, active, headers)).status,
    patch: (await patchImage(site, queued, RENAME, headers)).status,
    tag: (await site.request(tag, { method: 'PUT', headers })).status,
    untag: (await site.request(tag, { method: 'DELETE', headers })).status,
    deactivate: (await actOn(site, active, 'deactivate', headers)).status,
    reactivate: (await actOn(site, active, 'reactivate', headers)).status,
    upload: (await uploadData(site, queued, bytesOf('data'), headers)).status,
    delete: (await deleteImage(site, queued, headers)).status,
  }
}

const ALL = {
  show: 200,
  download: 200,
  patch: 200,
  tag: 204,
  untag: 204,
  deactivate: 204,
  reactivate: 204,
  upload: 204,
  delete: 204,
}

const NO_CHANGE = {
  patch: 403,
  tag: 403,
  untag: 403,
  deactivate: 403,
  reactivate: 403,
  upload: 403,
  delete: 403,
}

const NOTHING = {
  show: 404,
  download: 404,
  patch: 404,
  tag: 404,
  untag: 404,
  deactivate: 404,
  reactivate: 404,
  upload: 404,
  delete: 404,
}

describe("one's own project's image", () => {
  beforeEach(() => makeImages('private'))

  it('is for administrators to use in every way (200)', async () => {
    assert.deepEqual(await statuses(asCaller('alice', 'admin')), ALL)
  })

  it('is for members who are readers to use in every way (200)', async () => {
    assert.deepEqual(await statuses(asCaller('alice', 'member,reader')), ALL)
  })

  it('is for readers to look at (403)', async () => {
    const expected = { ...NO_CHANGE, show: 200, download: 403 }
    assert.deepEqual(await statuses(asCaller('alice', 'reader')), expected)
  })

  it('is for members who are no readers to use, but not to see (404)', async () => {
    assert.deepEqual(await statuses(asCaller('alice', 'member')), { ...ALL, show: 404 })
  })

  it('is not there for any other role (404)', async () => {
    assert.deepEqual(await statuses(asCaller('alice', 'auditor')), NOTHING)
  })

  it('is not there for a manager who does not have the roles below (404)', async () => {
    assert.deepEqual(await statuses(asCaller('alice', 'manager')), NOTHING)
  })

  it('is for roles in any case (200)', async () => {
    assert.deepEqual(await statuses(asCaller('alice', 'Member,READER')), ALL)
  })
})

describe("another project's private image", () => {
  beforeEach(() => makeImages('private'))

  it('is not there for members (404)', async () => {
    assert.deepEqual(await statuses(asCaller('bob')), NOTHING)
  })

  it('is not there for readers (404)', async () => {
    assert.deepEqual(await statuses(asCaller('bob', 'reader')), NOTHING)
  })

  it('is not there for those without a project (404)', async () => {
    const { 'X-Project-Id': _, ...projectless } = asCaller('bob')
    assert.deepEqual(await statuses(projectless), NOTHING)
  })

  it('is for administrators of any project (200)', async () => {
    assert.deepEqual(await statuses(asCaller('cloud', 'admin')), ALL)
  })
})

describe("another project's shared image", () => {
  beforeEach(() => makeImages('shared'))

  it('is not there for those it is not shared with (404)', async () => {
    assert.deepEqual(await statuses(asCaller('bob')), NOTHING)
  })

  it('is for those it is shared with to see and download (403)', async () => {
    await shareImage(site, active, 'bob', 'accepted')
    await shareImage(site, queued, 'bob', 'pending')
    const expected = { ...NO_CHANGE, show: 200, download: 200 }
    assert.deepEqual(await statuses(asCaller('bob')), expected)
  })
})

describe("another project's public image", () => {
  beforeEach(() => makeImages('public'))

  it('is for members to see and download (403)', async () => {
    const expected = { ...NO_CHANGE, show: 200, download: 200 }
    assert.deepEqual(await statuses(asCaller('bob')), expected)
  })

  it('is for readers to see (403)', async () => {
    const expected = { ...NO_CHANGE, show: 200, download: 403 }
    assert.deepEqual(await statuses(asCaller('bob', 'reader')), expected)
  })

  it('is for members who are no readers to download, but not to see (404)', async () => {
    assert.deepEqual(await statuses(asCaller('bob', 'member')), { ...NOTHING, download: 200 })
  })

  it('is not there for any other role (404)', async () => {
    assert.deepEqual(await statuses(asCaller('bob', 'auditor')), NOTHING)
  })
})

describe("another project's community image", () => {
  beforeEach(() => makeImages('community'))

  it('is for members to see and download (403)', async () => {
    const expected = { ...NO_CHANGE, show: 200, download: 200 }
    assert.deepEqual(await statuses(asCaller('bob')), expected)
  })
})

describe('the list and the create', () => {
  const collection = async (roles: string) => {
    const headers = asCaller('alice', roles)
    const list = await site.request('/v2/images', { headers })
    const create = await postImage(site, {}, headers)
    return [list.status, create.status]
  }

  it('are for administrators (201)', async () => {
    assert.deepEqual(await collection('admin'), [200, 201])
  })

  it('are for members who are readers (201)', async () => {
    assert.deepEqual(await collection('member,reader'), [200, 201])
  })

  it('are one for readers, the other for members (403)', async () => {
    assert.deepEqual(await collection('reader'), [200, 403])
    assert.deepEqual(await collection('member'), [403, 201])
  })

  it('are not for any other role (403)', async () => {
    assert.deepEqual(await collection('auditor'), [403, 403])
    assert.deepEqual(await collection(''), [403, 403])
  })

  it('do not look at the roles of a service token (403)', async () => {
    const headers = { ...asCaller('alice', 'auditor'), 'X-Service-Roles': 'admin,service' }
    assert.equal((await site.request('/v2/images', { headers })).status, 403)
  })

  it('refuse a bad query or body before the role is looked at (400)', async () => {
    const headers = asCaller('alice', 'auditor')
    assert.equal((await site.request('/v2/images?limit=x', { headers })).status, 400)
    assert.equal((await postImage(site, { name: 1 }, headers)).status, 400)
  })
})
