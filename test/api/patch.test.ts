import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { eq } from 'drizzle-orm'
import { images } from '../../schema/tables.ts'
import {
  BARE_RAW,
  bytesOf,
  createActiveImage,
  createImage,
  deleteImage,
  errorMessage,
  patchImage,
  shareImage,
  showImage,
  UNKNOWN_ID,
  uploadData,
  V20,
  V21,
} from '../support/images.ts'
import { TRUSTED } from '../support/options.ts'
import { ADMIN, asCaller, createTestSite, type TestSite } from '../support/site.ts'

const MEMBER = asCaller('alice')

let site: TestSite
let id: string
before(async () => {
  site = await createTestSite(TRUSTED)
})
after(() => site.close())
beforeEach(async () => {
  const attributes = { name: 'cirros', arch: 'arm', tags: ['a'], disk_format: 'raw' }
  id = (await createImage(site, attributes, MEMBER)).id
})

const patch = (operations: unknown, headers = {}) =>
  patchImage(site, id, operations, { ...MEMBER, ...headers })

/** Status and text of a refusal, as one line. */
async function refusal(operations: unknown, headers = {}): Promise<string> {
  const response = await patch(operations, headers)
  return `${response.status} ${await errorMessage(response)}`
}

const replace = (path: string, value: unknown) => [{ op: 'replace', path, value }]
const add = (path: string, value: unknown) => [{ op: 'add', path, value }]
const remove = (path: string) => [{ op: 'remove', path }]

const properties = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ op: 'add', path: `/key-${index}`, value: 'v' }))

describe('a patch', () => {
  it('answers with the image as it is from then on (200)', async () => {
    const response = await patch([
      { op: 'replace', path: '/name', value: 'debian' },
      { op: 'add', path: '/os_distro', value: 'debian' },
      { op: 'remove', path: '/arch' },
    ])
    assert.equal(response.status, 200)
    const image = await response.json()
    assert.equal(image.name, 'debian')
    assert.equal(image.os_distro, 'debian')
    assert.equal('arch' in image, false)
    assert.deepEqual(await showImage(site, id, MEMBER), image)
  })

  it('changes nothing when it has no operations (200)', async () => {
    const [image] = await site.registry.select().from(images).where(eq(images.id, id))
    const [shown, seq] = [await showImage(site, id, MEMBER), await site.services.feed.seq()]
    const response = await patch([])
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), shown)
    assert.deepEqual(await site.registry.select().from(images).where(eq(images.id, id)), [image])
    assert.equal(await site.services.feed.seq(), seq)
  })

  it('has at most 10,000 operations (413)', async () => {
    assert.equal(
      await refusal(properties(10_001)),
      '413 Request has 10001 operations, at most 10000 are allowed',
    )
  })

  it('is not found without operations either (404)', async () => {
    assert.equal((await patchImage(site, UNKNOWN_ID, [], MEMBER)).status, 404)
  })

  it('sets each base property that a member may set (200)', async () => {
    const response = await patch([
      ...replace('/min_ram', 512),
      ...replace('/min_disk', 2),
      ...replace('/protected', true),
      ...replace('/os_hidden', true),
      ...replace('/tags', ['x', 'y', 'x']),
      ...replace('/visibility', 'private'),
      ...replace('/container_format', 'bare'),
      ...replace('/disk_format', null),
      ...replace('/name', null),
    ])
    const image = await response.json()
    assert.equal(image.min_ram, 512)
    assert.equal(image.min_disk, 2)
    assert.equal(image.protected, true)
    assert.equal(image.os_hidden, true)
    assert.deepEqual(image.tags, ['x', 'y'])
    assert.equal(image.visibility, 'private')
    assert.equal(image.container_format, 'bare')
    assert.equal(image.disk_format, null)
    assert.equal(image.name, null)
    assert.deepEqual(await showImage(site, id, MEMBER), image)
  })

  it('may add and remove a property in one go (200)', async () => {
    const response = await patch([...add('/new', 'v'), ...remove('/new')])
    assert.equal(response.status, 200)
    assert.equal('new' in (await response.json()), false)
  })

  it('reads escapes in a pointer (200)', async () => {
    const response = await patch([...add('/a~1b', 'slash'), ...add('/c~0d', 'tilde')])
    const image = await response.json()
    assert.equal(image['a/b'], 'slash')
    assert.equal(image['c~d'], 'tilde')
  })

  it('takes names of internals for custom properties (200)', async () => {
    const response = await patch([...add('/image_id', 'i'), ...add('/extra_properties', 'e')])
    const image = await response.json()
    assert.equal(image.image_id, 'i')
    assert.equal(image.extra_properties, 'e')
    assert.match(await refusal(replace('/base', 'b')), /^409 .*Property base does not exist\./)
  })

  it('moves updated_at and nothing else of what the service writes (200)', async () => {
    const before = await showImage(site, id, MEMBER)
    await patch(replace('/name', 'new'))
    const image = await showImage(site, id, MEMBER)
    assert.equal(image['created_at'], before['created_at'])
    assert.ok(String(image['updated_at']) >= String(before['updated_at']))
    assert.equal(image.status, 'queued')
  })
})

describe('the media type of a patch', () => {
  it('may have parameters (200)', async () => {
    assert.equal((await patch([], { 'Content-Type': `${V21}; charset=utf-8` })).status, 200)
  })

  it('is one of two, which Accept-Patch tells (415)', async () => {
    const response = await patch([], { 'Content-Type': 'application/json' })
    assert.equal(response.status, 415)
    assert.equal(response.headers.get('Accept-Patch'), `${V20}, ${V21}`)
    const standard = await patch([], { 'Content-Type': 'application/json-patch+json' })
    assert.equal(standard.status, 415)
  })

  it('is exact (415)', async () => {
    assert.equal((await patch([], { 'Content-Type': V21.toUpperCase() })).status, 415)
    const next = 'application/openstack-images-v2.2-json-patch'
    assert.equal((await patch([], { 'Content-Type': next })).status, 415)
    assert.equal((await patch([], { 'Content-Type': 'constructor' })).status, 415)
  })

  it('is not left out (415)', async () => {
    assert.equal((await patch([], { 'Content-Type': '' })).status, 415)
    const response = await site.request(`/v2/images/${id}`, { method: 'PATCH', headers: MEMBER })
    assert.equal(response.status, 415)
  })
})

describe('a patch of the v2.0 dialect', () => {
  const v20 = { 'Content-Type': V20 }

  it('has the operation as a key (200)', async () => {
    const operations = [
      { replace: '/name', value: 'new' },
      { add: '/k', value: 'v' },
      { remove: '/arch' },
    ]
    const image = await (await patch(operations, v20)).json()
    assert.equal(image.name, 'new')
    assert.equal(image.k, 'v')
    assert.equal('arch' in image, false)
  })

  it('adds nothing that is there already (409)', async () => {
    assert.match(await refusal([{ add: '/arch', value: 'x' }], v20), /^409 .*already present\./)
    assert.match(
      await refusal([{ add: '/name', value: 'x' }], v20),
      /^409 .*Property name already present\./,
    )
  })

  it('is refused in the other dialect, and the other in it (400)', async () => {
    assert.match(
      await refusal(replace('/name', 'x'), v20),
      /^400 Operation objects must contain exactly one member named/,
    )
    assert.match(
      await refusal([{ replace: '/name', value: 'x' }]),
      /^400 Unable to find `op` in JSON Schema change\./,
    )
  })

  it('has one operation an object (400)', async () => {
    assert.match(
      await refusal([{ add: '/a', remove: '/b', value: 'x' }], v20),
      /^400 Operation objects must contain only one member named/,
    )
  })
})

describe('the body of a patch', () => {
  it('is needed (400)', async () => {
    assert.equal(await refusal(''), '400 Body expected in request.')
  })

  it('is refused when it is no JSON (400)', async () => {
    assert.equal(await refusal('['), '400 Malformed JSON in request body.')
  })

  it('is a list (400)', async () => {
    const sentence = '400 Request body must be a JSON array of operation objects.'
    assert.equal(await refusal({ op: 'remove', path: '/arch' }), sentence)
  })

  it('is a list of objects (400)', async () => {
    assert.equal(await refusal([1]), '400 Operations must be JSON objects.')
    assert.equal(await refusal([[]]), '400 Operations must be JSON objects.')
    assert.equal(await refusal([null]), '400 Operations must be JSON objects.')
  })

  it('names its operations (400)', async () => {
    assert.equal(
      await refusal([{ op: 'test', path: '/name', value: 'x' }]),
      '400 Invalid operation: `test`. It must be one of the following: add, remove, replace.',
    )
    assert.match(await refusal([{ op: 'move', path: '/a', from: '/b' }]), /^400 Invalid operation/)
    assert.match(await refusal([{ op: 'ADD', path: '/a', value: 'x' }]), /^400 Invalid operation/)
  })

  it('names paths and values (400)', async () => {
    assert.equal(
      await refusal([{ op: 'add', value: 'x' }]),
      "400 Unable to find 'path' in JSON Schema change",
    )
    assert.equal(
      await refusal([{ op: 'add', path: '/x' }]),
      '400 Operation "add" requires a member named "value".',
    )
    assert.equal(
      await refusal([{ op: 'replace', path: '/name' }]),
      '400 Operation "replace" requires a member named "value".',
    )
  })

  it('has pointers of depth one (400)', async () => {
    assert.equal(await refusal(add('name', 'x')), '400 Pointer `name` does not start with "/".')
    assert.match(await refusal(add('/a//b', 'x')), /^400 Pointer .* contains adjacent/)
    assert.match(await refusal(add('/a/', 'x')), /^400 Pointer .* end with/)
    assert.match(await refusal(add('/a~2', 'x')), /^400 Pointer .* recognized escape sequence/)
    assert.equal(
      await refusal(add('/tags/0', 'x')),
      "400 Invalid JSON pointer for this resource: '/tags/0'",
    )
    assert.match(await refusal(add('/locations', [])), /^400 Invalid JSON pointer/)
    assert.match(await refusal(replace('/locations/0', {})), /^400 Invalid JSON pointer/)
  })

  it('has values that fit the image (400)', async () => {
    assert.match(
      await refusal(replace('/name', 1)),
      /^400 Provided object does not match schema 'image': name/,
    )
    assert.equal((await patch(replace('/name', 'x'.repeat(256)))).status, 400)
    assert.equal((await patch(replace('/visibility', null))).status, 400)
    assert.equal((await patch(replace('/protected', 'true'))).status, 400)
    assert.equal((await patch(replace('/os_hidden', 1))).status, 400)
    assert.equal((await patch(replace('/tags', ['x'.repeat(256)]))).status, 400)
    assert.equal((await patch(replace('/disk_format', 'zip'))).status, 400)
    assert.equal((await patch(add('/custom', null))).status, 400)
    assert.equal((await patch(add('/custom', 1))).status, 400)
    assert.equal((await patch(add('/kernel_id', 'vmlinuz'))).status, 400)
    assert.equal((await patch(add('/kernel_id', null))).status, 200)
  })

  it('has sizes in their range (400)', async () => {
    assert.equal(
      await refusal(replace('/min_disk', -1)),
      "400 Invalid value '-1' for parameter 'min_disk': Cannot be a negative value",
    )
    assert.equal(
      await refusal(replace('/min_ram', 2147483648)),
      "400 'min_ram' value out of range, must not exceed 2147483647.",
    )
  })

  it('has no characters of four bytes (400)', async () => {
    assert.match(await refusal(replace('/name', '\u{1F600}')), /^400 Name can't contain 4 byte/)
    assert.match(await refusal(add('/\u{1F600}', 'x')), /^400 .* can't contain 4 byte/)
  })

  it('has no property names of more than 255 characters (400)', async () => {
    assert.equal((await patch(add(`/${'k'.repeat(255)}`, 'x'))).status, 200)
    assert.equal((await patch(add(`/${'k'.repeat(256)}`, 'x'))).status, 400)
  })
})

describe('the errors of a patch', () => {
  const missing = (operations: unknown, headers = {}) =>
    patchImage(site, UNKNOWN_ID, operations, { ...MEMBER, ...headers })

  it('begin with the media type, before the body (415)', async () => {
    assert.equal((await missing('[', { 'Content-Type': 'text/plain' })).status, 415)
  })

  it('go on with the syntax of all, before any root (400)', async () => {
    assert.equal((await missing([...replace('/status', 'x'), { op: 'add' }])).status, 400)
  })

  it('go on with all roots, before any value (403)', async () => {
    assert.equal((await missing([...replace('/name', 1), ...remove('/id')])).status, 403)
  })

  it('go on with the values, before the image (400)', async () => {
    assert.equal((await missing(replace('/name', 1))).status, 400)
  })

  it('go on with the image, before the policy (404)', async () => {
    assert.equal((await missing(replace('/name', 'x'), asCaller('alice', 'reader'))).status, 404)
  })

  it('go on with the policy, before the operations (403)', async () => {
    assert.equal(
      await refusal(remove('/nothing'), asCaller('alice', 'reader')),
      '403 You are not authorized to complete modify_image action.',
    )
  })

  it('go on with the operations, before the quota (409)', async () => {
    assert.equal((await patch([...properties(129), ...remove('/nothing')])).status, 409)
  })
})

describe('a root that no patch may name', () => {
  it('is read-only, whatever the operation (403)', async () => {
    assert.equal(await refusal(replace('/id', UNKNOWN_ID)), "403 Attribute 'id' is read-only.")
    assert.equal(await refusal(remove('/status')), "403 Attribute 'status' is read-only.")
    assert.equal(await refusal(add('/size', 1)), "403 Attribute 'size' is read-only.")
    assert.equal((await patch(replace('/virtual_size', 1))).status, 403)
    assert.equal((await patch(replace('/checksum', 'x'))).status, 403)
    assert.equal((await patch(replace('/created_at', 'x'))).status, 403)
    assert.equal((await patch(replace('/updated_at', 'x'))).status, 403)
    assert.equal((await patch(replace('/direct_url', 'x'))).status, 403)
    assert.equal((await patch(replace('/self', 'x'))).status, 403)
    assert.equal((await patch(replace('/file', 'x'))).status, 403)
    assert.equal((await patch(replace('/schema', 'x'))).status, 403)
    assert.equal((await patch(replace('/os_hash_algo', 'x'))).status, 403)
    assert.equal((await patch(replace('/os_hash_value', 'x'))).status, 403)
    assert.equal((await patch(replace('/stores', 'x'))).status, 403)
  })

  it('is reserved (403)', async () => {
    assert.equal(await refusal(add('/location', 'x')), "403 Attribute 'location' is reserved.")
    assert.equal((await patch(add('/deleted', 'x'))).status, 403)
    assert.equal((await patch(add('/deleted_at', 'x'))).status, 403)
    assert.equal(
      await refusal(add('/os_glance_x', 'v')),
      "403 Attribute 'os_glance_x' is reserved.",
    )
  })

  it('holds the locations, which are invisible (403)', async () => {
    const location = { url: 'file:///etc/passwd', metadata: {} }
    assert.match(await refusal(replace('/locations', [location])), /^403 .*It's not allowed to/)
    assert.match(
      await refusal(replace('/locations', [])),
      /^403 .*Cannot set locations to empty list\./,
    )
    assert.match(await refusal(add('/locations/-', location)), /^403 .*It's not allowed to add/)
    assert.equal(
      await refusal(remove('/locations/0')),
      '403 You are not authorized to complete delete_image_location action.',
    )
    assert.match(await refusal(remove('/locations/0'), ADMIN), /^403 .*not allowed to remove/)
  })
})

describe('an operation', () => {
  it('replaces only what is there (409)', async () => {
    assert.equal((await patch(replace('/arch', 'x86'))).status, 200)
    assert.match(await refusal(replace('/k', 'v')), /^409 .*Property k does not exist\./)
  })

  it('adds over what is there (200)', async () => {
    assert.equal((await (await patch(add('/arch', 'x86'))).json()).arch, 'x86')
    assert.equal((await (await patch(add('/name', 'new'))).json()).name, 'new')
  })

  it('removes custom properties, once (409)', async () => {
    assert.equal((await patch(remove('/arch'))).status, 200)
    assert.match(await refusal(remove('/arch')), /^409 .*Property arch does not exist\./)
  })

  it('removes no base property (403)', async () => {
    assert.match(await refusal(remove('/name')), /^403 .*Property name may not be removed\./)
    assert.equal((await patch(remove('/tags'))).status, 403)
    assert.equal((await patch(remove('/owner'))).status, 403)
  })

  it('saves nothing when a later one fails (409)', async () => {
    const before = await showImage(site, id, MEMBER)
    const operations = [
      ...replace('/name', 'new'),
      ...replace('/tags', []),
      ...add('/k', 'v'),
      ...remove('/nothing'),
    ]
    assert.equal((await patch(operations)).status, 409)
    assert.deepEqual(await showImage(site, id, MEMBER), before)
  })
})

describe('the quotas of a patch', () => {
  it('are about what would result (413)', async () => {
    assert.equal((await patch(properties(127))).status, 200)
    assert.equal(
      await refusal(add('/one-more', 'v')),
      '413 The limit has been exceeded on the number of allowed image properties. ' +
        'Attempted: 129, Maximum: 128',
    )
    assert.equal((await patch([...add('/one-more', 'v'), ...remove('/arch')])).status, 200)
  })

  it('are about tags too (413)', async () => {
    const tags = Array.from({ length: 129 }, (_, index) => `tag-${index}`)
    assert.match(await refusal(replace('/tags', tags)), /^413 .* Attempted: 129, Maximum: 128$/)
    assert.equal((await patch(replace('/tags', tags.slice(1)))).status, 200)
  })

  it('leave the image as it was (413)', async () => {
    const before = await showImage(site, id, MEMBER)
    assert.equal((await patch([...replace('/name', 'new'), ...properties(129)])).status, 413)
    assert.deepEqual(await showImage(site, id, MEMBER), before)
  })
})

describe('two patches at the same moment', () => {
  const together = async (...requests: Promise<Response>[]) =>
    (await Promise.all(requests)).map(({ status }) => status).toSorted()

  it('undo nothing of each other (200)', async () => {
    const statuses = await together(
      patch(replace('/visibility', 'private')),
      patch([...replace('/name', 'new'), ...add('/x', '1')]),
      patch([...replace('/min_ram', 1), ...add('/y', '2')]),
    )
    assert.deepEqual(statuses, [200, 200, 200])
    const image = await showImage(site, id, MEMBER)
    const { visibility, name, min_ram, x, y } = image
    assert.deepEqual([visibility, name, min_ram, x, y], ['private', 'new', 1, '1', '2'])
  })

  it('exceed no quota; of the one that is refused nothing is saved (413)', async () => {
    await patch(properties(126))
    const seq = await site.services.feed.seq()
    const named = (name: string) =>
      patch([...add(`/${name}`, 'v'), ...replace('/name', name), ...replace('/tags', [name])])
    const [one, two] = await Promise.all([named('one'), named('two')])
    assert.equal(one.status, 200)
    assert.equal(
      `${two.status} ${await errorMessage(two)}`,
      '413 The limit has been exceeded on the number of allowed image properties. ' +
        'Attempted: 129, Maximum: 128',
    )
    const image = await showImage(site, id, MEMBER)
    assert.deepEqual([image['name'], image.tags], ['one', ['one']])
    assert.deepEqual([image['one'], image['two']], ['v', undefined])
    assert.equal(await site.services.feed.seq(), seq + 1)
  })

  it('exceed no quota of tags (413)', async () => {
    const tags = Array.from({ length: 127 }, (_, index) => `tag-${index}`)
    await patch(replace('/tags', tags))
    const tagged = (tag: string) => patch(replace('/tags', [...tags, tag]))
    assert.deepEqual(await together(tagged('one'), tagged('two')), [200, 413])
    assert.deepEqual((await showImage(site, id, MEMBER)).tags, [...tags, 'one'])
  })
})

describe('a patch of an image that changes at the same moment', () => {
  /** What it is answered, each answer once, when it comes a few steps of the program after the other request. */
  async function answersDuring(
    other: () => Promise<Response>,
    operations: unknown,
  ): Promise<string[]> {
    const answers = new Set<string>()
    for (let later = 0; later < 60; later++) {
      const attributes = { name: 'cirros', container_format: 'bare', disk_format: 'raw' }
      id = (await createImage(site, attributes, MEMBER)).id
      const running = other()
      for (let step = 0; step < later; step++) await Promise.resolve()
      answers.add((await refusal(operations)).replace(id, 'ID'))
      assert.equal((await running).status, 204)
    }
    return [...answers].toSorted()
  }

  it('comes before its deletion (200) or finds nothing (404)', async () => {
    const answers = await answersDuring(
      () => deleteImage(site, id, MEMBER),
      replace('/name', 'new'),
    )
    assert.deepEqual(answers, ['200 undefined', '404 No image found with ID ID'])
  })

  it('sets its format before an upload begins (200), or none (409, and 403 where it has looked later)', async () => {
    const answers = await answersDuring(
      () => uploadData(site, id, bytesOf('data'), MEMBER),
      replace('/disk_format', 'qcow2'),
    )
    assert.deepEqual(answers, [
      '200 undefined',
      '403 Attribute disk_format can be only replaced for a queued image.',
      '409 Image ID was changed meanwhile: look at it again',
    ])
  })
})

describe('the formats of an image', () => {
  it('can be set while it is queued (200)', async () => {
    assert.equal((await patch(replace('/disk_format', 'qcow2'))).status, 200)
    assert.equal((await patch(add('/container_format', 'ovf'))).status, 200)
  })

  it('are fixed once it is active (403)', async () => {
    const open = await createTestSite()
    const active = await createActiveImage(open, 'data', BARE_RAW)
    const response = await patchImage(open, active.id, replace('/disk_format', 'qcow2'))
    assert.equal(response.status, 403)
    assert.match(
      await errorMessage(response),
      /Attribute disk_format can be only replaced for a queued image\.$/,
    )
    const added = await patchImage(open, active.id, add('/container_format', 'bare'))
    assert.equal(added.status, 403)
    assert.equal((await patchImage(open, active.id, replace('/name', 'x'))).status, 200)
    await open.close()
  })
})

describe('the owner of an image', () => {
  it('is changed by administrators only (403)', async () => {
    assert.match(
      await refusal(replace('/owner', 'bob')),
      /^403 .*Owner can't be updated by non admin\.$/,
    )
    assert.equal((await patch(add('/owner', 'alice'))).status, 403)
    const given = await patch(replace('/owner', 'bob'), ADMIN)
    assert.equal((await given.json()).owner, 'bob')
    assert.equal((await patch([])).status, 404)
  })

  it('may be nobody: all may see it then, and only administrators change it (403)', async () => {
    assert.equal((await patch(replace('/owner', null), ADMIN)).status, 200)
    assert.equal((await showImage(site, id, asCaller('bob')))['owner'], null)
    assert.equal((await patch(replace('/name', 'x'))).status, 403)
    assert.equal((await patch(replace('/name', 'x'), ADMIN)).status, 200)
  })
})

describe('the visibility of an image', () => {
  it('is public by administrators only (403)', async () => {
    assert.equal(
      await refusal(replace('/visibility', 'public')),
      '403 You are not authorized to complete publicize_image action.',
    )
    assert.equal((await patch(replace('/visibility', 'public'), ADMIN)).status, 200)
  })

  it('is community, private or shared by its members (200)', async () => {
    assert.equal((await patch(replace('/visibility', 'community'))).status, 200)
    assert.equal((await patch(replace('/visibility', 'private'))).status, 200)
    assert.equal((await patch(replace('/visibility', 'shared'))).status, 200)
  })

  it('hides an image from those it was shared with, until it is shared again (404)', async () => {
    await shareImage(site, id, 'bob')
    const bob = { headers: asCaller('bob') }
    assert.equal((await site.request(`/v2/images/${id}`, bob)).status, 200)
    await patch(replace('/visibility', 'private'))
    assert.equal((await site.request(`/v2/images/${id}`, bob)).status, 404)
    await patch(replace('/visibility', 'shared'))
    assert.equal((await site.request(`/v2/images/${id}`, bob)).status, 200)
  })
})

describe('a patch by somebody else', () => {
  it('is refused where he may see the image (403)', async () => {
    await shareImage(site, id, 'bob')
    assert.equal((await patch(replace('/name', 'x'), asCaller('bob'))).status, 403)
    await patch(replace('/visibility', 'community'))
    assert.equal((await patch(replace('/name', 'x'), asCaller('carol'))).status, 403)
  })

  it('finds nothing where he may not (404)', async () => {
    assert.equal((await patch(replace('/name', 'x'), asCaller('bob'))).status, 404)
  })

  it('finds nothing once the image is deleted (404)', async () => {
    await deleteImage(site, id, MEMBER)
    assert.equal((await patch(replace('/name', 'x'))).status, 404)
    assert.equal((await patch(replace('/name', 'x'), ADMIN)).status, 404)
  })
})
