import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  actOn,
  askMembers,
  BARE_RAW,
  bytesOf,
  createImage,
  deleteImage,
  errorMessage,
  patchImage,
  shareImage,
  showImage,
  uploadData,
} from '../support/images.ts'
import { bodyOf, createNamespace, metadefs } from '../support/metadefs.ts'
import { openSiteOn } from '../support/local-site.ts'
import { ADMIN, asCaller, temporaryFolder } from '../support/site.ts'

/** What an operator may write: much open to everybody, much only to roles that the callers have or lack. */
const RULES = `
get_image: "role:reader"
get_members: "role:looker or role:admin"
get_member: "role:looker or role:admin"
add_member: "role:giver or role:admin"
modify_member: "role:giver or role:admin"
delete_member: "role:giver or role:admin"
modify_image: "@"
delete_image: "@"
upload_image: "@"
deactivate: "@"
reactivate: "@"
get_metadef_namespace: "role:reader"
get_metadef_objects: "role:lister"
get_metadef_object: "role:looker"
list_metadef_resource_types: "role:lister"
get_metadef_resource_type: "role:looker"
get_metadef_properties: "role:reader"
get_metadef_tags: "role:reader"
`

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let site: Awaited<ReturnType<typeof openSiteOn>>
before(async () => {
  folder = await temporaryFolder()
  const policy_file = join(folder.path, 'policy.yaml')
  await writeFile(policy_file, RULES)
  site = await openSiteOn(folder.path, { oslo_policy: { policy_file } })
})
after(async () => {
  await site.close()
  await folder.remove()
})

async function refusal(asked: Promise<Response>): Promise<string> {
  const response = await asked
  return `${response.status} ${await errorMessage(response)}`
}

const BARE_404 = '404 The resource could not be found.'
const unauthorized = (action: string) => `403 You are not authorized to complete ${action} action.`

describe('the members of an image, where rules refuse', () => {
  let id = ''
  before(async () => {
    id = (await createImage(site, { visibility: 'shared', owner: 'alice' }, ADMIN)).id
    await shareImage(site, id, 'bob', 'pending')
  })

  const status = { status: 'accepted' }
  const ask = (method: string, path: string, roles: string, body?: unknown) =>
    refusal(askMembers(site, { method, path: `${id}/${path}`, body }, asCaller('alice', roles)))

  it('are not changed by who may get the image (403)', async () => {
    for (const member of ['bob', 'carol']) {
      assert.equal(
        await ask('PUT', `members/${member}`, 'reader', status),
        unauthorized('get_member'),
      )
      assert.equal(await ask('DELETE', `members/${member}`, 'reader'), unauthorized('get_member'))
    }
    assert.equal(
      await ask('PUT', 'members/bob', 'reader,looker', status),
      unauthorized('modify_member'),
    )
    assert.equal(await ask('DELETE', 'members/bob', 'reader,looker'), unauthorized('delete_member'))
    assert.equal(
      await ask('POST', 'members', 'reader,looker', { member: 'dave' }),
      unauthorized('add_member'),
    )
    assert.equal(await ask('GET', 'members', 'reader,giver'), unauthorized('get_members'))
  })

  it('are not there for who may not (404)', async () => {
    for (const roles of ['looker', 'giver']) {
      const answers = [
        await ask('PUT', 'members/bob', roles, status),
        await ask('DELETE', 'members/bob', roles),
        await ask('POST', 'members', roles, { member: 'dave' }),
        await ask('GET', 'members', roles),
      ]
      for (const answer of answers) assert.equal(answer, BARE_404)
    }
  })

  it('tell the owner who may answer for them that one is not there (404)', async () => {
    const absent = `404 carol not found in the member list of the image ${id}.`
    assert.equal(await ask('PUT', 'members/carol', 'reader,looker,giver', status), absent)
    assert.equal(await ask('DELETE', 'members/carol', 'reader,looker,giver'), absent)
  })

  it('are not shown, one by one (404)', async () => {
    assert.match(await ask('GET', 'members/bob', 'reader'), /^404 bob not found/)
  })
})

describe("another project's image, where rules allow everything to everybody", () => {
  const BOB = asCaller('bob')
  const make = async (visibility: string) => {
    const { id } = await createImage(site, { ...BARE_RAW, visibility, owner: 'alice' }, ADMIN)
    await uploadData(site, id, bytesOf('data'), ADMIN)
    return id
  }

  it('is neither deactivated nor reactivated (403)', async () => {
    for (const visibility of ['public', 'community', 'shared']) {
      const id = await make(visibility)
      if (visibility === 'shared') await shareImage(site, id, 'bob')
      assert.equal(await refusal(actOn(site, id, 'deactivate', BOB)), unauthorized('deactivate'))
      assert.equal((await actOn(site, id, 'deactivate', asCaller('alice', 'any'))).status, 204)
      assert.equal(await refusal(actOn(site, id, 'reactivate', BOB)), unauthorized('reactivate'))
      assert.equal((await actOn(site, id, 'reactivate', ADMIN)).status, 204)
    }
  })

  it('is not there when it is not shared (404)', async () => {
    for (const visibility of ['private', 'shared']) {
      const id = await make(visibility)
      assert.equal((await actOn(site, id, 'deactivate', BOB)).status, 404)
      assert.equal((await actOn(site, id, 'reactivate', BOB)).status, 404)
    }
  })

  it('is not changed in any other way (403)', async () => {
    const id = await make('public')
    const before = await showImage(site, id, BOB)
    const change = [{ op: 'replace', path: '/name', value: 'mine' }]
    const tag = (method: string) =>
      site.request(`/v2/images/${id}/tags/a`, { method, headers: BOB })
    const answers = [
      await patchImage(site, id, change, BOB),
      await tag('PUT'),
      await tag('DELETE'),
      await uploadData(site, id, bytesOf('mine'), BOB),
      await deleteImage(site, id, BOB),
    ]
    assert.deepEqual(
      answers.map(({ status }) => status),
      [403, 403, 403, 403, 403],
    )
    assert.deepEqual(await showImage(site, id, BOB), before)
  })

  it('is changed by nobody but administrators when it has no owner (403)', async () => {
    const { id } = await createImage(site, { visibility: 'public', owner: null }, ADMIN)
    const change = [{ op: 'replace', path: '/name', value: 'mine' }]
    assert.equal((await patchImage(site, id, change, BOB)).status, 403)
    assert.equal((await patchImage(site, id, change, ADMIN)).status, 200)
  })
})

describe('the lists of what a namespace holds, where rules refuse the entries', () => {
  let namespace = ''
  before(async () => {
    const attributes = {
      visibility: 'public',
      objects: [{ name: 'o' }],
      resource_type_associations: [{ name: 'OS::R' }],
    }
    namespace = await createNamespace(site, attributes, ADMIN)
  })

  const ask = (path: string, roles: string) =>
    metadefs(site, 'GET', `namespaces/${namespace}/${path}`, { headers: asCaller('bob', roles) })
  const listed = async (path: string, key: string, roles: string) =>
    (await bodyOf(await ask(path, roles), 200))[key].length

  it('are empty (200)', async () => {
    assert.equal(await listed('objects', 'objects', 'reader,lister'), 0)
    assert.equal(await listed('objects', 'objects', 'reader,lister,looker'), 1)
    const key = 'resource_type_associations'
    assert.equal(await listed('resource_types', key, 'reader,lister'), 0)
    assert.equal(await listed('resource_types', key, 'reader,lister,looker'), 1)
  })

  it('are refused where the list itself is, as the namespace tells (403, 404)', async () => {
    const lists = [
      ['objects', 'get_metadef_objects'],
      ['resource_types', 'list_metadef_resource_types'],
    ] as const
    for (const [path, action] of lists) {
      assert.equal(await refusal(ask(path, 'reader')), unauthorized(action))
      assert.equal(await refusal(ask(path, 'looker')), BARE_404)
    }
    assert.equal(await refusal(ask('objects/o', 'reader')), unauthorized('get_metadef_object'))
  })
})
