import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createApp } from '../../src/app.ts'
import { DEFAULT_POLICY, type Policy } from '../../src/identity/policy.ts'
import { createAccess } from '../../src/images/access.ts'
import {
  actOn,
  createActiveImage,
  createImage,
  deleteImage,
  errorMessage,
  patchImage,
  shareImage,
  type ShownImage,
  UNKNOWN_ID,
} from '../support/images.ts'
import { TRUSTED } from '../support/options.ts'
import { ADMIN, asCaller, createTestSite, type TestSite } from '../support/site.ts'

interface List {
  images: ShownImage[]
  first: string
  next?: string
  schema: string
}

const ALICE = asCaller('alice')
const BOB = asCaller('bob')
const asJson = { Accept: 'application/json' }

async function listAt(site: TestSite, path: string, headers = {}): Promise<List> {
  const response = await site.request(path, { headers: { ...asJson, ...headers } })
  assert.equal(response.status, 200)
  return response.json()
}

const namesOf = ({ images }: List) => images.map(({ name }) => String(name))

describe('a list of images', () => {
  let site: TestSite
  const names = async (query: string) => namesOf(await listAt(site, `/v2/images${query}`))
  const refusal = async (query: string) => {
    const response = await site.request(`/v2/images${query}`, { headers: asJson })
    return `${response.status} ${await errorMessage(response)}`
  }

  before(async () => {
    site = await createTestSite({ DEFAULT: { limit_param_default: '4', api_limit_max: '5' } })
    await createImage(site, { name: 'a', tags: ['x', 'y'], arch: 'arm', min_ram: 1 })
    await createImage(site, { name: 'b', tags: ['x'], disk_format: 'raw', min_ram: 2 })
    await createImage(site, { name: 'c', tags: ['y'], disk_format: 'qcow2', min_ram: 3 })
    await createImage(site, { name: 'd', protected: true })
    await createImage(site, { name: 'e', arch: 'arm' })
    await createImage(site, { name: 'f' })
    await createImage(site, { name: 'hidden', os_hidden: true })
  })
  after(() => site.close())

  it('has its links beside the images (200)', async () => {
    const list = await listAt(site, '/v2/images')
    assert.deepEqual(Object.keys(list), ['images', 'first', 'next', 'schema'])
    assert.equal(list.first, '/v2/images')
    assert.equal(list.schema, '/v2/schemas/images')
    assert.equal(list.next, `/v2/images?marker=${list.images.at(-1)?.id}`)
  })

  it('shows each image as a show does (200)', async () => {
    const { images } = await listAt(site, '/v2/images?name=a')
    const shown = await site.request(`/v2/images/${images[0]?.id}`)
    assert.deepEqual(images, [await shown.json()])
  })

  it('is in pages that next leads through to the end (200)', async () => {
    const first = await listAt(site, '/v2/images?sort=name:asc&limit=4')
    assert.deepEqual(namesOf(first), ['a', 'b', 'c', 'd'])
    const second = await listAt(site, first.next ?? '')
    assert.deepEqual(namesOf(second), ['e', 'f'])
    assert.equal(second.next, undefined)
    assert.equal(second.first, first.first)
  })

  it('has a next after an exactly full last page, which leads to an empty one (200)', async () => {
    const first = await listAt(site, '/v2/images?sort=name:asc&limit=3')
    const second = await listAt(site, first.next ?? '')
    assert.deepEqual(namesOf(second), ['d', 'e', 'f'])
    const third = await listAt(site, second.next ?? '')
    assert.deepEqual(namesOf(third), [])
    assert.equal(third.next, undefined)
  })

  it('pages one by one through equal sort values (200)', async () => {
    const first = await listAt(site, '/v2/images?sort=status:asc,disk_format:desc&limit=2')
    const second = await listAt(site, first.next ?? '')
    const third = await listAt(site, second.next ?? '')
    const all = [...namesOf(first), ...namesOf(second), ...namesOf(third)]
    assert.deepEqual(all.toSorted(), ['a', 'b', 'c', 'd', 'e', 'f'])
    assert.deepEqual(namesOf(first), ['b', 'c'])
  })

  it('keeps repeated parameters in its links (200)', async () => {
    const query = '/v2/images?tag=x&tag=y&limit=1&sort_key=name&sort_dir=asc'
    const first = await listAt(site, query)
    assert.deepEqual(namesOf(first), ['a'])
    assert.equal(first.first, query)
    assert.equal(first.next, `${query}&marker=${first.images[0]?.id}`)
    assert.deepEqual(namesOf(await listAt(site, first.next ?? '')), [])
  })

  it('encodes its links as Glance does (200)', async () => {
    const list = await listAt(site, '/v2/images?sort=name:asc,id:desc&my%20key=a%20b')
    assert.equal(list.first, '/v2/images?sort=name%3Aasc%2Cid%3Adesc&my+key=a+b')
  })

  it('is sorted by creation, the newest first (200)', async () => {
    const { images } = await listAt(site, '/v2/images')
    const times = images.map(({ created_at }) => String(created_at))
    assert.deepEqual(times, times.toSorted().toReversed())
  })

  it('has as many images as the default limit says (200)', async () => {
    assert.equal((await names('')).length, 4)
  })

  it('clamps a greater limit, and repeats what was asked for in its links (200)', async () => {
    const list = await listAt(site, '/v2/images?limit=5000')
    assert.equal(list.images.length, 5)
    assert.equal(list.first, '/v2/images?limit=5000')
    assert.match(list.next ?? '', /^\/v2\/images\?limit=5000&marker=/)
  })

  it('is empty for a limit of 0 (200)', async () => {
    const list = await listAt(site, '/v2/images?limit=0')
    assert.deepEqual(list, {
      images: [],
      first: '/v2/images?limit=0',
      schema: '/v2/schemas/images',
    })
  })

  it('is refused for a limit that is none (400)', async () => {
    assert.equal(await refusal('?limit=-1'), '400 limit param must be positive')
    assert.equal(await refusal('?limit=x'), '400 limit param must be an integer')
    assert.equal(await refusal('?limit='), '400 limit param must be an integer')
  })

  it('is refused for a marker that is no image (400)', async () => {
    assert.equal(await refusal(`?marker=${UNKNOWN_ID}`), `400 No image found with ID ${UNKNOWN_ID}`)
    assert.equal(await refusal('?marker='), '400 No image found with ID ')
  })

  it('starts after a marker that the filters would leave out (200)', async () => {
    const { images } = await listAt(site, '/v2/images?name=c')
    const id = images[0]?.id
    assert.deepEqual(await names(`?sort=name:asc&arch=arm&marker=${id}`), ['e'])
  })

  it('is refused for a sorting that makes no sense (400)', async () => {
    assert.match(await refusal('?sort_key=owner'), /^400 Invalid sort key: owner\. It must be one/)
    assert.equal(await refusal('?sort=name:up'), '400 Invalid sort direction: up')
    assert.equal(
      await refusal('?sort=name&sort_dir=asc'),
      '400 Old and new sorting syntax cannot be combined',
    )
    assert.equal(
      await refusal('?sort_key=name&sort_dir=asc&sort_dir=desc'),
      '400 Number of sort dirs does not match the number of sort keys',
    )
  })

  it('is filtered by base properties (200)', async () => {
    assert.deepEqual(await names('?name=b'), ['b'])
    assert.deepEqual(await names('?name=in:b,c&sort=name:asc'), ['b', 'c'])
    assert.deepEqual(await names('?disk_format=eq:qcow2'), ['c'])
    assert.deepEqual(await names('?min_ram_min=2&min_ram_max=2'), ['b'])
    assert.deepEqual(await names('?protected=true'), ['d'])
    assert.deepEqual(await names('?status=active'), [])
    assert.deepEqual(await names('?created_at=gt:2999-01-01'), [])
  })

  it('is filtered by tags, of which an image must have all (200)', async () => {
    assert.deepEqual(await names('?tag=x&sort=name:asc'), ['a', 'b'])
    assert.deepEqual(await names('?tag=x&tag=y'), ['a'])
    assert.deepEqual(await names('?tag=z'), [])
  })

  it('is filtered by custom properties, literally (200)', async () => {
    assert.deepEqual(await names('?arch=arm&sort=name:asc'), ['a', 'e'])
    assert.deepEqual(await names('?arch=in:arm'), [])
    assert.deepEqual(await names('?unknown=1'), [])
    assert.deepEqual(await names('?members=1&properties=1&locations=1&is_public=1'), [])
    assert.deepEqual(await names('?foo_min=1'), [])
  })

  it('is refused for filters that make no sense (400)', async () => {
    assert.equal(await refusal('?visibility=bogus'), '400 Invalid visibility value: bogus')
    assert.equal(await refusal('?member_status=bogus'), '400 Invalid status: bogus')
    assert.equal(
      await refusal('?protected=True'),
      "400 Invalid value 'True' for 'protected' filter. Valid values are 'true' or 'false'.",
    )
    assert.equal(await refusal('?name=neq:a'), "400 Unable to filter by unknown operator 'neq'.")
    assert.equal(
      await refusal('?size_min=x'),
      '400 Unable to filter on a range with a non-numeric value.',
    )
    assert.equal(
      await refusal('?changes-since=2020-01-01'),
      '400 The "changes-since" filter is no longer available on v2.',
    )
    assert.match(await refusal('?changes-since='), /^400 /)
    assert.match(await refusal('?created_at=yesterday'), /^400 Bad "created_at" query filter/)
  })

  it('shows hidden images only to those who ask for them (200)', async () => {
    assert.deepEqual(await names('?os_hidden=true'), ['hidden'])
    assert.deepEqual(await names('?os_hidden=True'), ['hidden'])
    assert.deepEqual(await names('?name=hidden'), [])
    assert.match(await refusal('?os_hidden=maybe'), /^400 Invalid value 'maybe' for 'os_hidden'/)
  })

  it('shows a hidden image by its id (200)', async () => {
    const { images } = await listAt(site, '/v2/images?os_hidden=true')
    assert.equal((await site.request(`/v2/images/${images[0]?.id}`)).status, 200)
  })

  it('shows no deleted image (200)', async () => {
    const { id } = await createImage(site, { name: 'gone' })
    await deleteImage(site, id)
    assert.deepEqual(await names('?name=gone'), [])
    assert.deepEqual(await names('?name=gone&deleted=true'), [])
    assert.deepEqual(await names('?status=deleted'), [])
  })
})

describe('the images of several projects', () => {
  let site: TestSite
  const ids = new Map<string, string>()
  const idOf = (name: string) => ids.get(name) ?? ''
  const listed = async (query: string, headers: Record<string, string>) =>
    namesOf(await listAt(site, `/v2/images${query}`, headers)).toSorted()
  const statusOf = async (name: string, headers: Record<string, string>) =>
    (await site.request(`/v2/images/${idOf(name)}`, { headers })).status
  const create = async (name: string, visibility: string, headers: Record<string, string>) => {
    ids.set(name, (await createImage(site, { name, visibility }, headers)).id)
  }

  before(async () => {
    site = await createTestSite(TRUSTED)
    await create('a-private', 'shared', ALICE)
    await create('a-shared', 'shared', ALICE)
    await create('a-pending', 'shared', ALICE)
    await create('a-rejected', 'shared', ALICE)
    await create('a-alone', 'shared', ALICE)
    await create('a-community', 'community', ALICE)
    await create('b-private', 'private', BOB)
    await create('b-community', 'community', BOB)
    await create('public', 'public', ADMIN)
    const { id } = await createImage(site, { name: 'ownerless', owner: null }, ADMIN)
    ids.set('ownerless', id)
    await shareImage(site, idOf('a-shared'), 'bob', 'accepted')
    await shareImage(site, idOf('a-pending'), 'bob', 'pending')
    await shareImage(site, idOf('a-rejected'), 'bob', 'rejected')
    await shareImage(site, idOf('a-private'), 'bob', 'accepted')
    const withdrawal = [{ op: 'replace', path: '/visibility', value: 'private' }]
    await patchImage(site, idOf('a-private'), withdrawal, ALICE)
  })
  after(() => site.close())

  it('are listed as own, public and accepted shares (200)', async () => {
    assert.deepEqual(await listed('', BOB), ['a-shared', 'b-community', 'b-private', 'public'])
    assert.deepEqual(await listed('', ALICE), [
      'a-alone',
      'a-community',
      'a-pending',
      'a-private',
      'a-rejected',
      'a-shared',
      'public',
    ])
  })

  it('are listed by visibility (200)', async () => {
    assert.deepEqual(await listed('?visibility=public', BOB), ['public'])
    assert.deepEqual(await listed('?visibility=private', BOB), ['b-private'])
    assert.deepEqual(await listed('?visibility=shared', BOB), ['a-shared'])
    assert.deepEqual(await listed('?visibility=community', BOB), ['a-community', 'b-community'])
    assert.deepEqual(await listed('?visibility=all', BOB), [
      'a-community',
      'a-shared',
      'b-community',
      'b-private',
      'public',
    ])
    assert.deepEqual(await listed('?visibility=', BOB), [])
  })

  it('are listed by the status of a share (200)', async () => {
    const others = ['b-community', 'b-private', 'public']
    assert.deepEqual(await listed('?member_status=pending', BOB), ['a-pending', ...others])
    assert.deepEqual(await listed('?visibility=shared&member_status=rejected', BOB), ['a-rejected'])
    assert.deepEqual(await listed('?visibility=shared&member_status=all', BOB), [
      'a-pending',
      'a-rejected',
      'a-shared',
    ])
  })

  it("are listed to an administrator, but for others' community images (200)", async () => {
    assert.deepEqual(await listed('', ADMIN), [
      'a-alone',
      'a-pending',
      'a-private',
      'a-rejected',
      'a-shared',
      'b-private',
      'ownerless',
      'public',
    ])
    assert.deepEqual(await listed('?visibility=community', ADMIN), ['a-community', 'b-community'])
    assert.equal((await listed('?visibility=all', ADMIN)).length, 10)
    assert.deepEqual(await listed('?owner=bob', ADMIN), ['b-private'])
    assert.deepEqual(await listed('?visibility=private', ADMIN), ['a-private', 'b-private'])
  })

  it('are shown to whom they belong or are open (200)', async () => {
    assert.equal(await statusOf('a-private', ALICE), 200)
    assert.equal(await statusOf('public', BOB), 200)
    assert.equal(await statusOf('a-community', BOB), 200)
    assert.equal(await statusOf('ownerless', BOB), 200)
    assert.equal(await statusOf('a-private', ADMIN), 200)
  })

  it('are shown to members, whatever their status (200)', async () => {
    assert.equal(await statusOf('a-shared', BOB), 200)
    assert.equal(await statusOf('a-pending', BOB), 200)
    assert.equal(await statusOf('a-rejected', BOB), 200)
  })

  it('are not there for anybody else (404)', async () => {
    assert.equal(await statusOf('a-private', BOB), 404)
    assert.equal(await statusOf('a-alone', BOB), 404)
    assert.equal(await statusOf('b-private', ALICE), 404)
    assert.equal(await statusOf('a-shared', asCaller('carol')), 404)
  })

  it('are no markers for those who cannot see them (403)', async () => {
    const headers = { ...asJson, ...BOB }
    const path = `/v2/images?marker=${idOf('a-private')}`
    const response = await site.request(path, { headers })
    assert.equal(response.status, 403)
    assert.equal(
      await errorMessage(response),
      `Forbidding request, image ${idOf('a-private')} not visible`,
    )
  })

  it('are markers once deleted to administrators only (400)', async () => {
    const { id } = await createImage(site, {}, ALICE)
    await deleteImage(site, id, ALICE)
    const path = `/v2/images?marker=${id}`
    assert.equal((await site.request(path, { headers: ALICE })).status, 400)
    assert.equal((await site.request(path, { headers: ADMIN })).status, 200)
  })

  it('are listed as far as the rules let them be shown (200)', async () => {
    const policy: Policy = {
      ...DEFAULT_POLICY,
      isAllowed: (action, caller, target) =>
        (action !== 'get_image' || target['name'] !== 'b-community') &&
        DEFAULT_POLICY.isAllowed(action, caller, target),
    }
    const { services } = site
    const app = createApp({ ...services, policy, access: createAccess(policy, services.images) })
    const read = async (query: string): Promise<List> => {
      const options = { peerAddress: '127.0.0.1' }
      const response = await app.request(`/v2/images${query}`, { headers: BOB }, options)
      return response.json()
    }
    assert.deepEqual(namesOf(await read('')), ['public', 'b-private', 'a-shared'])
    const page = await read('?limit=3')
    assert.deepEqual(namesOf(page), ['public', 'b-private'])
    assert.equal(page.next, `/v2/images?limit=3&marker=${idOf('b-private')}`)
  })

  it('are filtered by member status with an error for an unknown or empty one (400)', async () => {
    const path = '/v2/images?member_status='
    assert.equal((await site.request(path, { headers: BOB })).status, 400)
    assert.equal((await site.request(`${path}maybe`, { headers: BOB })).status, 400)
  })
})

describe('an image that is shown', () => {
  let site: TestSite
  before(async () => {
    site = await createTestSite()
  })
  after(() => site.close())

  it('is not found under an unknown id (404)', async () => {
    const response = await site.request(`/v2/images/${UNKNOWN_ID}`, { headers: asJson })
    assert.equal(response.status, 404)
    assert.equal(await errorMessage(response), `No image found with ID ${UNKNOWN_ID}`)
  })

  it('is JSON without a charset (200)', async () => {
    const { id } = await createImage(site, { name: 'é' })
    const response = await site.request(`/v2/images/${id}`, { headers: asJson })
    assert.equal(response.headers.get('Content-Type'), 'application/json')
    const bytes = await response.arrayBuffer()
    assert.equal(response.headers.get('Content-Length'), String(bytes.byteLength))
    assert.match(new TextDecoder().decode(bytes), /"name":"é"/)
  })

  it('has what an upload has found out (200)', async () => {
    const { id } = await createActiveImage(site, 'hello')
    const image = await (await site.request(`/v2/images/${id}`)).json()
    assert.equal(image.status, 'active')
    assert.equal(image.size, 5)
    assert.equal(image.virtual_size, 5)
    assert.equal(image.checksum, '5d41402abc4b2a76b9719d911017c592')
    assert.equal(image.os_hash_algo, 'sha512')
    assert.match(image.os_hash_value, /^9b71d224bd62f3785d96d46ad3ea3d73/)
  })

  it('has the status that an action gave it (200)', async () => {
    const { id } = await createActiveImage(site, 'hello')
    await actOn(site, id, 'deactivate')
    const image = await (await site.request(`/v2/images/${id}`)).json()
    assert.equal(image.status, 'deactivated')
  })
})
