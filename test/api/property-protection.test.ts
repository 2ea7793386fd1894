import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import {
  createImage,
  errorMessage,
  patchImage,
  postImage,
  showImage,
  V20,
} from '../support/images.ts'
import { openSiteOn } from '../support/local-site.ts'
import { asCaller, temporaryFolder } from '../support/site.ts'

const ADMIN = asCaller('p', 'admin')
const MEMBER = asCaller('p', 'member,reader')

const FILE = `
[^x_open]
create = @
read = @
update = @
delete = @

[^x_fixed]
create = admin,member
read = admin,member
update = admin
delete = admin

[^x_blind]
create = admin,member
read = admin
update = admin
delete = admin

[^x_[a-z]+.*]
create = admin
read = admin
update = admin
delete = admin
`

const GIVEN = { x_open: 'o', x_fixed: 'f', x_blind: 'b', x_secret: 's' }

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let site: Awaited<ReturnType<typeof openSiteOn>>
let id: string

before(async () => {
  folder = await temporaryFolder()
  const file = join(folder.path, 'protections.conf')
  await writeFile(file, FILE)
  site = await openSiteOn(folder.path, { DEFAULT: { property_protection_file: file } })
})
beforeEach(async () => {
  const image = await createImage(site, { ...GIVEN, visibility: 'shared' }, ADMIN)
  id = image.id
})
after(async () => {
  await site.close()
  await folder.remove()
})

function customOf(image: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(image).filter(([name]) => name.startsWith('x_')))
}

async function listed(query: string, headers: Record<string, string>) {
  const response = await site.request(`/v2/images?${query}`, { headers })
  assert.equal(response.status, 200)
  const { images } = (await response.json()) as { images: Record<string, unknown>[] }
  return images
}

const patch = (operation: Record<string, unknown>, headers = MEMBER) =>
  patchImage(site, id, [operation], headers)

describe('a protected property', () => {
  it('is shown and listed only to those who may read it', async () => {
    assert.deepEqual(customOf(await showImage(site, id, ADMIN)), GIVEN)
    const open = { x_open: 'o', x_fixed: 'f' }
    assert.deepEqual(customOf(await showImage(site, id, MEMBER)), open)
    const found = (await listed('', MEMBER)).find((image) => image['id'] === id)
    assert.deepEqual(customOf(found ?? {}), open)
  })

  it('is found by a filter only for those who may read it', async () => {
    const ids = async (query: string, headers: Record<string, string>) =>
      (await listed(query, headers)).filter((image) => image['id'] === id).length
    assert.equal(await ids('x_secret=s', ADMIN), 1)
    assert.equal(await ids('x_secret=s', MEMBER), 0)
    assert.equal(await ids('x_fixed=f', MEMBER), 1)
    assert.equal(await ids('x_fixed=f&x_secret=s', MEMBER), 0)
  })

  it('is created only by those who may (403)', async () => {
    const refused = await postImage(site, { x_open: 'o', x_secret: 's' }, MEMBER)
    assert.equal(refused.status, 403)
    assert.equal(await errorMessage(refused), "Attribute 'x_secret' is reserved.")
    assert.equal((await postImage(site, { unmatched: 'u' }, ADMIN)).status, 403)
    assert.equal((await postImage(site, { x_open: 'o', name: 'n' }, MEMBER)).status, 201)
  })

  it('is not in the answer to him who created it blindly (201)', async () => {
    const response = await postImage(site, { x_blind: 'b', x_fixed: 'f' }, MEMBER)
    assert.equal(response.status, 201)
    const image = await response.json()
    assert.deepEqual(customOf(image), { x_fixed: 'f' })
    assert.deepEqual(customOf(await showImage(site, image.id, ADMIN)), {
      x_blind: 'b',
      x_fixed: 'f',
    })
  })

  it('is updated and removed only by those who may (403)', async () => {
    const statuses = async (name: string, headers = MEMBER) => [
      (await patch({ op: 'add', path: `/${name}`, value: 'new' }, headers)).status,
      (await patch({ op: 'replace', path: `/${name}`, value: 'new' }, headers)).status,
      (await patch({ op: 'remove', path: `/${name}` }, headers)).status,
    ]
    assert.deepEqual(await statuses('x_fixed'), [403, 403, 403])
    assert.deepEqual(await statuses('x_open'), [200, 200, 200])
    assert.deepEqual(await statuses('x_fixed', ADMIN), [200, 200, 200])
  })

  it('looks absent to those who may not read it (409)', async () => {
    assert.equal((await patch({ op: 'replace', path: '/x_secret', value: 'n' })).status, 409)
    assert.equal((await patch({ op: 'remove', path: '/x_secret' })).status, 409)
    assert.equal((await patch({ op: 'add', path: '/x_secret', value: 'n' })).status, 403)
    const older = await patchImage(site, id, [{ add: '/x_secret', value: 'n' }], {
      ...MEMBER,
      'Content-Type': V20,
    })
    assert.equal(older.status, 403)
    assert.deepEqual(customOf(await showImage(site, id, ADMIN)), GIVEN)
  })

  it('may be added unseen, but not overwritten (403)', async () => {
    assert.equal((await patch({ op: 'add', path: '/x_blind', value: 'n' })).status, 403)
    assert.equal((await patch({ op: 'add', path: '/x_blind2', value: 'n' })).status, 200)
    assert.equal((await showImage(site, id, ADMIN))['x_blind2'], 'n')
  })

  it('outlives the changes of those who cannot see it (200)', async () => {
    const response = await patch({ op: 'replace', path: '/name', value: 'renamed' })
    assert.equal(response.status, 200)
    assert.deepEqual(customOf(await response.json()), { x_open: 'o', x_fixed: 'f' })
    assert.deepEqual(customOf(await showImage(site, id, ADMIN)), GIVEN)
  })
})
