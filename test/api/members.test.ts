import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import {
  askMembers,
  createActiveImage,
  createImage,
  deleteImage,
  errorMessage,
  patchImage,
  showImage,
  UNKNOWN_ID,
} from '../support/images.ts'
import { TRUSTED } from '../support/options.ts'
import { ADMIN, asCaller, createTestSite, type TestSite } from '../support/site.ts'

const ALICE = asCaller('alice')
const BOB = asCaller('bob')
const CAROL = asCaller('carol')

let site: TestSite
let id: string
before(async () => {
  site = await createTestSite({
    DEFAULT: { image_member_quota: '3' },
    ...TRUSTED,
  })
})
after(() => site.close())
beforeEach(async () => {
  id = (await createImage(site, {}, ALICE)).id
})

const add = (body: unknown, headers = ALICE, image = id) =>
  askMembers(site, { method: 'POST', path: `${image}/members`, body }, headers)
const list = (headers = ALICE, image = id) =>
  askMembers(site, { method: 'GET', path: `${image}/members` }, headers)
const show = (member: string, headers = ALICE, image = id) =>
  askMembers(site, { method: 'GET', path: pathOf(member, image) }, headers)
const answer = (member: string, body: unknown, headers = BOB, image = id) =>
  askMembers(site, { method: 'PUT', path: pathOf(member, image), body }, headers)
const remove = (member: string, headers = ALICE, image = id) =>
  askMembers(site, { method: 'DELETE', path: pathOf(member, image) }, headers)
const pathOf = (member: string, image: string) => `${image}/members/${encodeURIComponent(member)}`

async function refusal(asked: Promise<Response>): Promise<string> {
  const response = await asked
  return `${response.status} ${await errorMessage(response)}`
}

async function idsOf(asked: Promise<Response>): Promise<string[]> {
  const response = await asked
  assert.equal(response.status, 200)
  const { members } = await response.json()
  return members.map(({ member_id }: { member_id: string }) => member_id)
}

function setVisibility(visibility: string, image = id) {
  return patchImage(site, image, [{ op: 'replace', path: '/visibility', value: visibility }], ADMIN)
}

describe('a member that is added', () => {
  it('has not answered yet (200)', async () => {
    const response = await add({ member: 'bob', status: 'accepted', other: 1 })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('Location'), null)
    const { created_at, updated_at, ...member } = await response.json()
    assert.deepEqual(member, {
      member_id: 'bob',
      image_id: id,
      status: 'pending',
      schema: '/v2/schemas/member',
    })
    assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.equal(updated_at, created_at)
  })

  it('may be any project, known or not, the own one included (200)', async () => {
    assert.equal((await add({ member: 'alice' })).status, 200)
    assert.equal((await add({ member: 'x'.repeat(255) })).status, 200)
    assert.equal((await add({ member: 'é & ü?' })).status, 200)
    assert.equal((await show('é & ü?')).status, 200)
  })

  it('may be added by an administrator, and to an active image (200)', async () => {
    assert.equal((await add({ member: 'bob' }, ADMIN)).status, 200)
    const open = await createTestSite()
    const active = await createActiveImage(open, 'data')
    const path = `${active.id}/members`
    const added = await askMembers(open, { method: 'POST', path, body: { member: 'bob' } })
    assert.equal(added.status, 200)
    await open.close()
  })

  it('leaves the image as it was (200)', async () => {
    const before = await showImage(site, id, ALICE)
    await new Promise((resolve) => setTimeout(resolve, 1001 - (Date.now() % 1000)))
    await add({ member: 'bob' })
    assert.deepEqual(await showImage(site, id, ALICE), before)
  })

  it('is refused without a body that names him (400)', async () => {
    const expected = '400 Expected a member in the form: {"member": "image_id"}'
    assert.equal(await refusal(add(undefined)), '400 Body expected in request.')
    assert.equal(await refusal(add('{')), '400 Malformed JSON in request body.')
    assert.equal(await refusal(add(['bob'])), expected)
    assert.equal(await refusal(add({})), '400 Member to be added not specified')
    assert.equal(await refusal(add({ member: '' })), "400 Member can't be empty")
    assert.equal(await refusal(add({ member: null })), "400 Member can't be empty")
  })

  it('is refused when it is no text, too long or cannot be stored (400)', async () => {
    assert.equal(await refusal(add({ member: 1 })), '400 Member is not a string')
    assert.equal(await refusal(add({ member: ['bob'] })), '400 Member is not a string')
    assert.match(await refusal(add({ member: 'x'.repeat(256) })), /^400 .*255/)
    assert.match(await refusal(add({ member: '\u{1F600}' })), /^400 .*4 byte unicode/)
    assert.match(await refusal(add({ member: 'a\0b' })), /^400 .*NUL/)
    assert.match(await refusal(add({ member: 'a\ud800' })), /^400 .*lone surrogates/)
  })

  it('is refused for its body before the image is looked for (400)', async () => {
    assert.equal((await add({}, ALICE, UNKNOWN_ID)).status, 400)
  })

  it('is refused for an image that is not there for the caller (404)', async () => {
    const member = { member: 'bob' }
    assert.equal(await refusal(add(member, BOB)), `404 Image ${id} not found.`)
    assert.equal(
      await refusal(add(member, ALICE, UNKNOWN_ID)),
      `404 Image ${UNKNOWN_ID} not found.`,
    )
    await deleteImage(site, id, ALICE)
    assert.equal(await refusal(add(member)), `404 Image ${id} not found.`)
  })

  it('is refused for an image that is not shared, whoever asks (403)', async () => {
    await setVisibility('community')
    const refused = `403 Not allowed to create members for image ${id}.`
    assert.equal(await refusal(add({ member: 'bob' })), refused)
    assert.equal(await refusal(add({ member: 'bob' }, BOB)), refused)
    assert.equal(await refusal(add({ member: 'bob' }, ADMIN)), refused)
  })

  it('is refused from readers of the project, and from members (403)', async () => {
    const refused = '403 You are not authorized to complete add_member action.'
    assert.equal(await refusal(add({ member: 'bob' }, asCaller('alice', 'reader'))), refused)
    await add({ member: 'bob' })
    assert.equal(await refusal(add({ member: 'carol' }, BOB)), refused)
  })

  it('is refused when it is one already (409)', async () => {
    await add({ member: 'bob' })
    assert.equal(
      await refusal(add({ member: 'bob' })),
      `409 Member bob is duplicated for image ${id}`,
    )
  })

  it('is refused beyond the quota (413)', async () => {
    for (const member of ['bob', 'carol', 'dave']) await add({ member })
    assert.match(await refusal(add({ member: 'erin' })), /^413 .*Attempted: 4, Maximum: 3$/)
    assert.equal((await add({ member: 'bob' })).status, 409)
    await remove('bob')
    assert.equal((await add({ member: 'erin' })).status, 200)
    assert.equal((await add({ member: 'bob' })).status, 413)
  })

  it('is added once, however many ask at once (409)', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => add({ member: 'bob' })))
    const statuses = answers.map(({ status }) => status).toSorted()
    assert.deepEqual(statuses, [200, 409, 409, 409, 409])
  })

  it('stays within the quota, however many are added at once (413)', async () => {
    const members = ['a', 'b', 'c', 'd', 'e', 'f']
    const answers = await Promise.all(members.map((member) => add({ member })))
    const statuses = answers.map(({ status }) => status).toSorted()
    assert.deepEqual(statuses, [200, 200, 200, 413, 413, 413])
    assert.equal((await idsOf(list())).length, 3)
  })

  it('is not left of an image that is deleted at the same time (404)', async () => {
    for (const _ of Array.from({ length: 10 })) {
      const image = await createImage(site, {}, ALICE)
      const [, added] = await Promise.all([
        deleteImage(site, image.id, ALICE),
        add({ member: 'bob' }, ALICE, image.id),
      ])
      assert.ok([200, 404].includes(added.status), String(added.status))
      assert.equal((await show('bob', BOB, image.id)).status, 404)
    }
  })
})

describe('a member that is added again', () => {
  it('has to answer again, and is one since the first time (200)', async () => {
    const first = await (await add({ member: 'bob' })).json()
    await answer('bob', { status: 'accepted' })
    await remove('bob')
    await new Promise((resolve) => setTimeout(resolve, 1001 - (Date.now() % 1000)))
    const second = await (await add({ member: 'bob' })).json()
    assert.equal(second.status, 'pending')
    assert.equal(second.created_at, first.created_at)
    assert.ok(second.updated_at > first.updated_at)
  })
})

describe('the list of members', () => {
  it('has all of them for the owner and administrators (200)', async () => {
    await add({ member: 'bob' })
    await add({ member: 'carol' })
    assert.deepEqual(await idsOf(list()), ['bob', 'carol'])
    assert.deepEqual(await idsOf(list(ADMIN)), ['bob', 'carol'])
    assert.deepEqual(await idsOf(list(asCaller('alice', 'reader'))), ['bob', 'carol'])
    const { schema, ...rest } = await (await list()).json()
    assert.equal(schema, '/v2/schemas/members')
    assert.deepEqual(Object.keys(rest), ['members'])
  })

  it('has only himself for a member (200)', async () => {
    await add({ member: 'bob' })
    await add({ member: 'carol' })
    assert.deepEqual(await idsOf(list(BOB)), ['bob'])
  })

  it('is empty at first, and has nobody who was removed (200)', async () => {
    assert.deepEqual(await idsOf(list()), [])
    await add({ member: 'bob' })
    await remove('bob')
    assert.deepEqual(await idsOf(list()), [])
  })

  it('is refused with a body (400)', async () => {
    const headers = { ...ALICE, 'Content-Length': '2' }
    assert.equal((await list(headers)).status, 400)
  })

  it('is refused for an image that is not shared (403)', async () => {
    await setVisibility('private')
    assert.equal(
      await refusal(list()),
      `403 Not allowed to list members for image ${id}: Only shared images have members.`,
    )
  })

  it('is not there for strangers, nor for those who may not get the image (404)', async () => {
    assert.equal(await refusal(list(CAROL)), `404 Image ${id} not found.`)
    assert.equal((await list(asCaller('alice', 'member'))).status, 404)
  })

  it('is refused to strangers where the image is everyone’s (403)', async () => {
    const { id: ownerless } = await createImage(site, { owner: null }, ADMIN)
    await add({ member: 'bob' }, ADMIN, ownerless)
    assert.match(await refusal(list(CAROL, ownerless)), /^403 .*get_members/)
    assert.deepEqual(await idsOf(list(BOB, ownerless)), ['bob'])
    assert.equal((await show('bob', CAROL, ownerless)).status, 404)
  })
})

describe('a member that is shown', () => {
  it('is shown to himself, the owner and administrators (200)', async () => {
    const added = await (await add({ member: 'bob' })).json()
    for (const caller of [ALICE, BOB, ADMIN]) {
      const response = await show('bob', caller)
      assert.equal(response.status, 200)
      assert.deepEqual(await response.json(), added)
    }
  })

  it('is not there for another member, or when there is none (404)', async () => {
    await add({ member: 'bob' })
    await add({ member: 'carol' })
    const absent = (member: string) =>
      `404 ${member} not found in the member list of the image ${id}.`
    assert.equal(await refusal(show('carol', BOB)), absent('carol'))
    assert.equal(await refusal(show('dave')), absent('dave'))
  })

  it('is not there for an image that is not shared (404)', async () => {
    await add({ member: 'bob' })
    await setVisibility('private')
    assert.equal(await refusal(show('bob')), '404 Only shared images have members.')
    assert.equal(await refusal(show('bob', BOB)), `404 Image ${id} not found.`)
  })

  it('is a member still when the image is shared again (200)', async () => {
    await add({ member: 'bob' })
    await answer('bob', { status: 'accepted' })
    await setVisibility('private')
    await setVisibility('shared')
    assert.equal((await (await show('bob', BOB)).json()).status, 'accepted')
  })
})

describe('the answer of a member', () => {
  beforeEach(() => add({ member: 'bob' }))

  it('is his to give and to change (200)', async () => {
    for (const status of ['accepted', 'rejected', 'pending']) {
      const response = await answer('bob', { status, other: 1 })
      assert.equal(response.status, 200)
      assert.equal((await response.json()).status, status)
      assert.equal((await (await show('bob')).json()).status, status)
    }
  })

  it('may be given by an administrator (200)', async () => {
    assert.equal((await answer('bob', { status: 'accepted' }, ADMIN)).status, 200)
  })

  it('is not for the owner to give (403)', async () => {
    assert.equal(
      await refusal(answer('bob', { status: 'accepted' }, ALICE)),
      '403 You are not authorized to complete modify_member action.',
    )
    assert.equal(
      (await answer('bob', { status: 'accepted' }, asCaller('bob', 'reader'))).status,
      403,
    )
  })

  it('is not for the owner to give for one who is no member either (403)', async () => {
    const refused = `403 Not allowed to update members for image ${id}.`
    assert.equal(await refusal(answer('carol', { status: 'accepted' }, ALICE)), refused)
    assert.equal(await refusal(answer('carol', { status: 'maybe' }, ALICE)), refused)
    const absent = `404 carol not found in the member list of the image ${id}.`
    assert.equal(await refusal(answer('carol', { status: 'accepted' }, ADMIN)), absent)
  })

  it('is one of three words (400)', async () => {
    const wrong = '400 Incorrect request: Status must be "pending", "accepted" or "rejected".'
    assert.equal(await refusal(answer('bob', { status: 'maybe' })), wrong)
    assert.equal(await refusal(answer('bob', { status: null })), wrong)
    assert.equal(await refusal(answer('bob', {})), '400 Status not specified')
    assert.match(await refusal(answer('bob', ['accepted'])), /^400 Expected a status/)
    assert.equal(await refusal(answer('bob', undefined)), '400 Body expected in request.')
  })

  it('is not for another member to give, nor there for strangers (404)', async () => {
    await add({ member: 'carol' })
    const status = { status: 'accepted' }
    assert.equal(
      await refusal(answer('bob', status, CAROL)),
      `404 bob not found in the member list of the image ${id}.`,
    )
    assert.equal(
      await refusal(answer('bob', status, asCaller('dave'))),
      `404 Image ${id} not found.`,
    )
  })

  it('is refused for an image that is not shared (403)', async () => {
    await setVisibility('public')
    assert.equal(
      await refusal(answer('bob', { status: 'accepted' })),
      `403 Not allowed to update members for image ${id}.`,
    )
  })
})

describe('a member that is removed', () => {
  beforeEach(() => add({ member: 'bob' }))

  it('is removed by the owner or an administrator (204)', async () => {
    const response = await remove('bob')
    assert.equal(response.status, 204)
    assert.equal(await response.text(), '')
    assert.equal((await show('bob')).status, 404)
    await add({ member: 'bob' })
    assert.equal((await remove('bob', ADMIN)).status, 204)
  })

  it('sees the image no longer (404)', async () => {
    assert.equal((await site.request(`/v2/images/${id}`, { headers: BOB })).status, 200)
    await remove('bob')
    assert.equal((await site.request(`/v2/images/${id}`, { headers: BOB })).status, 404)
  })

  it('does not remove himself (403)', async () => {
    assert.equal(
      await refusal(remove('bob', BOB)),
      '403 You are not authorized to complete delete_member action.',
    )
  })

  it('was there only once (404)', async () => {
    await remove('bob')
    assert.equal(
      await refusal(remove('bob')),
      `404 bob not found in the member list of the image ${id}.`,
    )
    assert.equal((await remove('carol')).status, 404)
  })

  it('is refused for an image that is not shared (403)', async () => {
    await setVisibility('private')
    assert.equal(await refusal(remove('bob')), `403 Not allowed to delete members for image ${id}.`)
  })
})

describe('the members of an image, by any other method', () => {
  it('are refused, with the methods that there are (405)', async () => {
    const many = await askMembers(site, { method: 'PUT', path: `${id}/members` }, ALICE)
    assert.equal(`${many.status} ${many.headers.get('Allow')}`, '405 GET, HEAD, POST')
    const one = await askMembers(site, { method: 'POST', path: `${id}/members/bob` }, ALICE)
    assert.equal(`${one.status} ${one.headers.get('Allow')}`, '405 GET, HEAD, PUT, DELETE')
  })
})

describe('a change of members', () => {
  it('is told to mirrors', async () => {
    const { feed } = site.services
    const told = async (change: () => Promise<Response>) => {
      const seq = await feed.seq()
      assert.ok((await change()).ok)
      const { changes } = await feed.changes(seq)
      return changes.flatMap(({ image }) =>
        image.members.map((row) => [row.member, row.status, row.deleted_at !== null]),
      )
    }
    assert.deepEqual(await told(() => add({ member: 'bob' })), [['bob', 'pending', false]])
    assert.deepEqual(await told(() => answer('bob', { status: 'accepted' })), [
      ['bob', 'accepted', false],
    ])
    assert.deepEqual(await told(() => remove('bob')), [['bob', 'accepted', true]])
  })

  it('is remembered of the last 128 who were removed, however many there were', async () => {
    for (let i = 0; i < 140; i++) {
      assert.ok((await add({ member: `project-${i}` })).ok)
      assert.ok((await remove(`project-${i}`)).ok)
    }
    const seq = await site.services.feed.seq()
    await add({ member: 'bob' })
    const { changes } = await site.services.feed.changes(seq)
    assert.equal(changes[0]?.image.members.length, 129)
  })
})
