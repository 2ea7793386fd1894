import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  BARE_QCOW2,
  createImage,
  deleteImage,
  errorMessage,
  postImage,
  showImage,
  shownDefaults,
} from '../support/images.ts'
import { TRUSTED } from '../support/options.ts'
import { asCaller, createTestSite, type TestSite } from '../support/site.ts'

let site: TestSite
before(async () => {
  site = await createTestSite(TRUSTED)
})
after(() => site.close())

const member = asCaller('project-a')
const admin = asCaller('project-a', 'admin,member,reader')
const emoji = '\u{1F600}'

const statusOf = async (body: unknown, headers = member) =>
  (await postImage(site, body, headers)).status

/** Status and text of a refusal, as one line. */
async function refusal(body: unknown, headers = member): Promise<string> {
  const response = await postImage(site, body, headers)
  return `${response.status} ${await errorMessage(response)}`
}

const numbered = (count: number, name: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => name(index))
const properties = (count: number) =>
  Object.fromEntries(numbered(count, (index) => `key-${index}`).map((key) => [key, 'value']))

describe('an image created from nothing', () => {
  it('has every base property, in order (201)', async () => {
    const image = await createImage(site, {}, member)
    assert.deepEqual(Object.keys(image), [
      'name',
      'disk_format',
      'container_format',
      'visibility',
      'size',
      'virtual_size',
      'status',
      'checksum',
      'protected',
      'min_ram',
      'min_disk',
      'owner',
      'os_hidden',
      'os_hash_algo',
      'os_hash_value',
      'id',
      'created_at',
      'updated_at',
      'tags',
      'self',
      'file',
      'schema',
    ])
  })

  it('has the defaults (201)', async () => {
    const { id, created_at, updated_at, ...image } = await createImage(site, {}, member)
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.match(String(created_at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.equal(updated_at, created_at)
    assert.deepEqual(image, shownDefaults(id, 'project-a'))
  })

  it('is what a show answers (200)', async () => {
    const image = await createImage(site, { name: 'a', key: 'v', tags: ['t'] }, member)
    assert.deepEqual(await showImage(site, image.id, member), image)
  })

  it('has its custom properties on the same level (201)', async () => {
    const image = await createImage(site, { name: 'a', zebra: 'z' }, member)
    assert.equal(image['zebra'], 'z')
  })

  it('belongs to nobody without an identity flavor (201)', async () => {
    const open = await createTestSite()
    assert.equal((await createImage(open))['owner'], null)
    await open.close()
  })
})

describe('the id of a new image', () => {
  it('may be chosen, and is kept as sent (201)', async () => {
    const id = 'ABCDEFAB-0000-4000-8000-00000000ABCD'
    assert.equal((await createImage(site, { id }, member)).id, id)
    const any = '12345678-1234-1234-1234-123456789abc'
    assert.equal((await createImage(site, { id: any }, member)).id, any)
  })

  it('is refused when it has another shape (400)', async () => {
    assert.equal(await statusOf({ id: 'cirros' }), 400)
    assert.equal(await statusOf({ id: '12345678123412341234123456789abc' }), 400)
    assert.equal(await statusOf({ id: '12345678-1234-1234-1234-123456789abg' }), 400)
    assert.equal(await statusOf({ id: '12345678-1234-1234-1234-123456789abc ' }), 400)
    assert.equal(await statusOf({ id: '' }), 400)
    assert.equal(await statusOf({ id: null }), 400)
  })

  it('is refused when an image has it (409)', async () => {
    const { id } = await createImage(site, {}, member)
    assert.equal(await refusal({ id }), `409 Image ID ${id} already exists!`)
  })

  it("is refused when another project's private image has it (409)", async () => {
    const { id } = await createImage(site, { visibility: 'private' }, asCaller('project-b'))
    assert.equal(await statusOf({ id }), 409)
  })

  it('is refused when a deleted image had it (409)', async () => {
    const { id } = await createImage(site, {}, member)
    await deleteImage(site, id, member)
    assert.equal(await refusal({ id }), `409 Image ID ${id} already exists!`)
  })
})

describe('the name of a new image', () => {
  it('may be null, empty or of 255 characters (201)', async () => {
    assert.equal((await createImage(site, { name: null }, member))['name'], null)
    assert.equal((await createImage(site, { name: '' }, member))['name'], '')
    const longest = 'é'.repeat(255)
    assert.equal((await createImage(site, { name: longest }, member))['name'], longest)
  })

  it('is refused with 256 characters (400)', async () => {
    assert.match(
      await refusal({ name: 'x'.repeat(256) }),
      /^400 Provided object does not match schema 'image': name: /,
    )
  })

  it('is refused when it is no text (400)', async () => {
    assert.equal(await statusOf({ name: 1 }), 400)
    assert.equal(await statusOf({ name: true }), 400)
    assert.equal(await statusOf({ name: {} }), 400)
  })

  it('is refused with characters of four bytes (400)', async () => {
    assert.equal(
      await refusal({ name: emoji }),
      "400 Name can't contain 4 byte unicode characters.",
    )
  })
})

describe('the visibility of a new image', () => {
  it('may be private, shared or community (201)', async () => {
    assert.equal(await statusOf({ visibility: 'private' }), 201)
    assert.equal(await statusOf({ visibility: 'shared' }), 201)
    assert.equal(await statusOf({ visibility: 'community' }), 201)
  })

  it('is refused when it is unknown or null (400)', async () => {
    assert.equal(await statusOf({ visibility: 'secret' }), 400)
    assert.equal(await statusOf({ visibility: null }), 400)
    assert.equal(await statusOf({ visibility: 'Public' }), 400)
  })

  it('may be public for administrators only (403)', async () => {
    assert.equal(
      await refusal({ visibility: 'public' }),
      '403 You are not authorized to complete publicize_image action.',
    )
    assert.equal(await statusOf({ visibility: 'public' }, admin), 201)
  })

  it('may not be community for readers (403)', async () => {
    const reader = asCaller('project-a', 'reader')
    assert.equal(await statusOf({ visibility: 'community' }, reader), 403)
  })
})

describe('the owner of a new image', () => {
  it("may be the caller's project (201)", async () => {
    assert.equal(await statusOf({ owner: 'project-a' }), 201)
  })

  it('may be nobody else (403)', async () => {
    assert.equal(
      await refusal({ owner: 'project-b' }),
      "403 You are not permitted to create images owned by 'project-b'",
    )
    assert.equal(
      await refusal({ owner: '' }),
      "403 You are not permitted to create images owned by ''",
    )
    assert.equal(await statusOf({ owner: null }), 403)
  })

  it('may be anybody for administrators (201)', async () => {
    assert.equal((await createImage(site, { owner: 'project-b' }, admin))['owner'], 'project-b')
    assert.equal((await createImage(site, { owner: null }, admin))['owner'], null)
    assert.equal((await createImage(site, { owner: '' }, admin))['owner'], '')
    const longest = 'o'.repeat(255)
    assert.equal((await createImage(site, { owner: longest }, admin))['owner'], longest)
  })

  it('is refused with 256 characters, also to administrators (400)', async () => {
    assert.equal(await statusOf({ owner: 'o'.repeat(256) }, admin), 400)
  })
})

describe('min_disk and min_ram of a new image', () => {
  it('are refused when negative (400)', async () => {
    assert.equal(
      await refusal({ min_disk: -1 }),
      "400 Invalid value '-1' for parameter 'min_disk': Cannot be a negative value",
    )
    assert.equal(
      await refusal({ min_ram: -1 }),
      "400 Invalid value '-1' for parameter 'min_ram': Cannot be a negative value",
    )
  })

  it('are refused above 2147483647 (400)', async () => {
    assert.equal(await statusOf({ min_disk: 2147483647, min_ram: 2147483647 }), 201)
    assert.equal(
      await refusal({ min_disk: 2147483648 }),
      "400 'min_disk' value out of range, must not exceed 2147483647.",
    )
    assert.equal(
      await refusal({ min_ram: 2147483648 }),
      "400 'min_ram' value out of range, must not exceed 2147483647.",
    )
  })

  it('are refused when they are no integers (400)', async () => {
    assert.equal(await statusOf({ min_disk: '1' }), 400)
    assert.equal(await statusOf({ min_disk: true }), 400)
    assert.equal(await statusOf({ min_disk: null }), 400)
    assert.equal(await statusOf({ min_disk: 1.5 }), 400)
    assert.equal(await statusOf('{"min_ram": 1e999}'), 400)
  })

  it('may be written with a fraction of zero (201)', async () => {
    const response = await postImage(site, '{"min_disk": 1.0}', member)
    assert.equal((await response.json()).min_disk, 1)
  })
})

describe('the flags of a new image', () => {
  it('are set (201)', async () => {
    const image = await createImage(site, { protected: true, os_hidden: true }, member)
    assert.equal(image['protected'], true)
    assert.equal(image['os_hidden'], true)
  })

  it('are refused when they are no booleans (400)', async () => {
    assert.equal(await statusOf({ protected: null }), 400)
    assert.equal(await statusOf({ protected: 1 }), 400)
    assert.equal(await statusOf({ protected: 'true' }), 400)
    assert.equal(await statusOf({ os_hidden: null }), 400)
    assert.equal(await statusOf({ os_hidden: 0 }), 400)
    assert.equal(await statusOf({ os_hidden: 'false' }), 400)
  })
})

describe('the formats of a new image', () => {
  it('may be any of the configured ones, or null (201)', async () => {
    assert.equal(await statusOf(BARE_QCOW2), 201)
    assert.equal(await statusOf({ disk_format: 'ploop', container_format: 'compressed' }), 201)
    assert.equal(await statusOf({ disk_format: null, container_format: null }), 201)
  })

  it('are refused otherwise (400)', async () => {
    assert.equal(await statusOf({ disk_format: 'gpt' }), 400)
    assert.equal(await statusOf({ disk_format: 'RAW' }), 400)
    assert.equal(await statusOf({ disk_format: '' }), 400)
    assert.equal(await statusOf({ container_format: 'zip' }), 400)
  })

  it('are those of the configuration (201)', async () => {
    const special = await createTestSite({ image_format: { disk_formats: 'gpt' } })
    assert.equal((await postImage(special, { disk_format: 'gpt' })).status, 201)
    assert.equal((await postImage(special, { disk_format: 'raw' })).status, 400)
    await special.close()
  })
})

describe('the tags of a new image', () => {
  it('collapse where they are equal, and keep their order (201)', async () => {
    const { tags } = await createImage(site, { tags: ['b', 'a', 'b', '', 'é'] }, member)
    assert.deepEqual(tags, ['b', 'a', '', 'é'])
  })

  it('are kept in that order (200)', async () => {
    const { id } = await createImage(site, { tags: ['b', 'c', 'a'] }, member)
    assert.deepEqual((await showImage(site, id, member)).tags, ['b', 'c', 'a'])
  })

  it('are refused with characters of four bytes (400)', async () => {
    const sentence = "400 Tags can't contain 4 byte unicode characters."
    assert.equal(await refusal({ tags: ['a', emoji] }), sentence)
  })

  it('are refused when they are no list of texts (400)', async () => {
    assert.equal(await statusOf({ tags: null }), 400)
    assert.equal(await statusOf({ tags: 'a' }), 400)
    assert.equal(await statusOf({ tags: [1] }), 400)
  })

  it('are refused with 256 characters (400)', async () => {
    assert.equal(await statusOf({ tags: ['x'.repeat(255)] }), 201)
    assert.equal(await statusOf({ tags: ['x'.repeat(256)] }), 400)
  })

  it('are refused beyond 128 different ones (413)', async () => {
    const most = numbered(128, (index) => `tag-${index}`)
    assert.equal(await statusOf({ tags: [...most, 'tag-0'] }), 201)
    assert.equal(
      await refusal({ tags: [...most, 'one more'] }),
      '413 The limit has been exceeded on the number of allowed image tags. ' +
        'Attempted: 129, Maximum: 128',
    )
  })
})

describe('a custom property of a new image', () => {
  it('is refused when it is no text (400)', async () => {
    assert.equal(await statusOf({ key: null }), 400)
    assert.equal(await statusOf({ key: 1 }), 400)
    assert.equal(await statusOf({ key: true }), 400)
    assert.equal(await statusOf({ key: {} }), 400)
    assert.equal(await statusOf({ key: [] }), 400)
  })

  it('may be empty or of 70 KB (201)', async () => {
    assert.equal((await createImage(site, { key: '' }, member))['key'], '')
    const long = 'x'.repeat(70 * 1024)
    const { id } = await createImage(site, { key: long }, member)
    assert.equal((await showImage(site, id, member))['key'], long)
  })

  it('may have any name of at most 255 characters (201)', async () => {
    const longest = 'k'.repeat(255)
    const given = { '': 'empty', 'a/b': 'slash', Key: 'upper', key: 'lower', [longest]: 'long' }
    const { id } = await createImage(site, given, member)
    const shown = await showImage(site, id, member)
    assert.equal(shown[''], 'empty')
    assert.equal(shown['a/b'], 'slash')
    assert.equal(shown['Key'], 'upper')
    assert.equal(shown['key'], 'lower')
    assert.equal(shown[longest], 'long')
  })

  it('may be named like what objects have anyway (201)', async () => {
    const body = '{"constructor": "c", "toString": "t", "image_id": "i"}'
    const response = await postImage(site, body, member)
    assert.equal(response.status, 201)
    const { id } = await response.json()
    const shown = await showImage(site, id, member)
    assert.equal(shown['constructor'], 'c')
    assert.equal(shown['toString'], 't')
    assert.equal(shown['image_id'], 'i')
  })

  it('is refused with a name of 256 characters (400)', async () => {
    assert.equal(
      await refusal({ ['k'.repeat(256)]: 'v' }),
      '400 Custom property should not be greater than 255 characters.',
    )
  })

  it('is refused with characters of four bytes (400)', async () => {
    const sentence = "400 Key can't contain 4 byte unicode characters."
    assert.equal(await refusal({ key: emoji }), sentence)
    assert.equal(await statusOf({ [emoji]: 'v' }), 400)
  })

  it('is refused beyond 128 of them (413)', async () => {
    assert.equal(await statusOf(properties(128)), 201)
    assert.equal(
      await refusal(properties(129)),
      '413 The limit has been exceeded on the number of allowed image properties. ' +
        'Attempted: 129, Maximum: 128',
    )
  })
})

describe('a text that cannot be stored', () => {
  it('is refused for its NUL (400)', async () => {
    assert.equal(await refusal({ tags: ['a\0b'] }), "400 Tags can't contain NUL characters.")
    assert.equal(await refusal({ key: '\0' }), "400 Key can't contain NUL characters.")
  })

  it('is refused for half of a surrogate pair (400)', async () => {
    const sentence = (name: string) => `400 ${name} can't contain lone surrogates.`
    assert.equal(await refusal('{"name": "\\ud800"}'), sentence('Name'))
    assert.equal(await refusal('{"key": "a\\udc00b"}'), sentence('Key'))
    assert.equal(await refusal('{"owner": "\\udc00\\ud800"}'), sentence('Owner'))
    assert.equal(await refusal('{"tags": ["\\ud800"]}'), sentence('Tags'))
    assert.equal(await statusOf('{"\\ud800": "v"}'), 400)
  })
})

describe('a property that every cloud knows', () => {
  it('is a kernel or a ramdisk by its id, or null (201)', async () => {
    const kernel_id = '12345678-1234-1234-1234-123456789abc'
    const image = await createImage(site, { kernel_id, ramdisk_id: null }, member)
    assert.equal(image['kernel_id'], kernel_id)
    assert.equal((await showImage(site, image.id, member))['ramdisk_id'], null)
  })

  it('is refused when it is no id (400)', async () => {
    assert.equal(await statusOf({ kernel_id: 'vmlinuz' }), 400)
    assert.equal(await statusOf({ ramdisk_id: '' }), 400)
  })

  it('is refused when it is null and no kernel or ramdisk (400)', async () => {
    assert.equal(await statusOf({ os_distro: null }), 400)
    assert.equal(await statusOf({ architecture: 1 }), 400)
  })

  it('is one of two ways to treat an encryption key (400)', async () => {
    const name = 'cinder_encryption_key_deletion_policy'
    assert.equal(await statusOf({ [name]: 'on_image_deletion' }), 201)
    assert.equal(await statusOf({ [name]: 'whenever' }), 400)
  })
})

describe('what only the service may write', () => {
  it('is refused, whatever its value (403)', async () => {
    assert.equal(await refusal({ status: 'active' }), "403 Attribute 'status' is read-only.")
    assert.equal(await refusal({ size: null }), "403 Attribute 'size' is read-only.")
    assert.equal(await statusOf({ virtual_size: 1 }), 403)
    assert.equal(await statusOf({ checksum: 1 }), 403)
    assert.equal(await statusOf({ created_at: '' }), 403)
    assert.equal(await statusOf({ updated_at: null }), 403)
    assert.equal(await statusOf({ direct_url: 'file:///etc' }), 403)
    assert.equal(await statusOf({ self: '/' }), 403)
    assert.equal(await statusOf({ file: '/' }), 403)
    assert.equal(await statusOf({ schema: '/' }), 403)
    assert.equal(await statusOf({ stores: 'a' }), 403)
  })

  it('is refused under the names that are reserved (403)', async () => {
    assert.equal(await refusal({ location: 'x' }), "403 Attribute 'location' is reserved.")
    assert.equal(await statusOf({ locations: [] }), 403)
    assert.equal(await statusOf({ deleted: true }), 403)
    assert.equal(await statusOf({ deleted_at: null }), 403)
  })

  it('is refused under names with the prefix of the service (403)', async () => {
    assert.equal(await refusal({ os_glance_x: 'v' }), "403 Attribute 'os_glance_x' is reserved.")
    assert.equal(await statusOf({ os_glancex: 'v' }), 403)
  })

  it('is refused to administrators as well (403)', async () => {
    assert.equal(await statusOf({ status: 'active' }, admin), 403)
  })

  it('is ignored where it is a hash (201)', async () => {
    const image = await createImage(site, { os_hash_algo: 'md5', os_hash_value: 'no' }, member)
    assert.equal(image['os_hash_algo'], null)
    assert.equal(image['os_hash_value'], null)
  })
})

describe('the errors of a create', () => {
  it('begin with what is read-only, before the schema (403)', async () => {
    assert.equal(await statusOf({ name: 1, size: 1 }), 403)
  })

  it('go on with the schema, before the policy (400)', async () => {
    assert.equal(await statusOf({ name: 1, owner: 'project-b' }), 400)
    assert.equal(await statusOf({ min_disk: -1, visibility: 'public' }), 400)
  })

  it('go on with the policy, before the quota (403)', async () => {
    assert.equal(await statusOf({ ...properties(129), visibility: 'public' }), 403)
  })

  it('go on with the quota, before the id (413)', async () => {
    const { id } = await createImage(site, {}, member)
    assert.equal(await statusOf({ ...properties(129), id }), 413)
  })

  it('leave nothing behind (404)', async () => {
    const id = 'deadbeef-0000-4000-8000-000000000001'
    assert.equal(await statusOf({ ...properties(129), id }), 413)
    assert.equal((await site.request(`/v2/images/${id}`, { headers: member })).status, 404)
    assert.equal(await statusOf({ id }), 201)
  })
})

describe('a quota of -1', () => {
  it('is none (201)', async () => {
    const quotas = { image_property_quota: '-1', image_tag_quota: '-1' }
    const unlimited = await createTestSite({ DEFAULT: quotas })
    const tags = numbered(500, (index) => `tag-${index}`)
    assert.equal((await postImage(unlimited, { ...properties(500), tags })).status, 201)
    await unlimited.close()
  })
})
