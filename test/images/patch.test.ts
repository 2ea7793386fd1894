import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { HeliostatError } from '../../src/errors.ts'
import { refuseUnstorableCharacters } from '../../src/images/characters.ts'
import type { Image } from '../../src/images/image.ts'
import { parsePointer } from '../../src/images/json-pointer.ts'
import { ACCEPT_PATCH, parsePatch, PATCH_MEDIA_TYPES } from '../../src/images/patch-body.ts'
import type { PatchDialect } from '../../src/images/patch-body.ts'
import { applyPatch } from '../../src/images/patch.ts'
import type { PatchContext } from '../../src/images/patch.ts'
import {
  BASE_PROPERTIES,
  READ_ONLY_PROPERTIES,
  refuseProtectedOnCreate,
  refuseProtectedOnPatch,
} from '../../src/images/reserved.ts'
import { queuedImage } from '../support/registry.ts'

const queued = queuedImage({
  id: '5f2b9a52-3c9a-4c0f-9d0e-4d3f2f6f7a10',
  name: 'cirros',
  disk_format: 'qcow2',
  owner: 'project-a',
  created_at: 1_700_000_000_000,
  updated_at: 1_700_000_000_000,
  tags: ['old'],
  properties: { arch: 'x86_64' },
})
const active: Image = { ...queued, status: 'active' }

const admin: PatchContext = {
  dialect: 'v2.1',
  isAdmin: true,
  authorizeVisibility: () => {},
  allows: () => true,
}
const member: PatchContext = {
  dialect: 'v2.1',
  isAdmin: false,
  authorizeVisibility(visibility) {
    if (visibility !== 'public') return
    const message = 'You are not authorized to complete publicize_image action.'
    throw new HeliostatError('forbidden', message)
  },
  allows: () => true,
}

const emoji = '\u{1F600}'

/** Of the image schema just this much: custom properties and the name are text. */
function validate(name: string, value: unknown): unknown {
  const free = BASE_PROPERTIES.has(name) && name !== 'name'
  if (free || typeof value === 'string') return value
  if (value === null && (name === 'name' || name === 'kernel_id')) return value
  throw new HeliostatError('invalid', `Provided object does not match schema 'image': ${name}`)
}

const v20 = (body: unknown) => parsePatch('v2.0', body, validate)
const v21 = (body: unknown) => parsePatch('v2.1', body, validate)

const add = (path: string, value: unknown) => ({ op: 'add', path, value })
const replace = (path: string, value: unknown) => ({ op: 'replace', path, value })
const remove = (path: string) => ({ op: 'remove', path })

const patch = (image: Image, body: unknown[], context = admin) =>
  applyPatch(image, v21(body), context)
const patch20 = (image: Image, body: unknown[]) =>
  applyPatch(image, v20(body), { ...admin, dialect: 'v2.0' })

function refuses(action: () => unknown, status: number, message: string): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof HeliostatError)
    assert.deepEqual([error.status, error.message], [status, message])
    return true
  })
}

describe('PATCH media types', () => {
  it('name both dialects, in the order of Accept-Patch', () => {
    assert.equal(
      ACCEPT_PATCH,
      'application/openstack-images-v2.0-json-patch, application/openstack-images-v2.1-json-patch',
    )
    assert.equal(PATCH_MEDIA_TYPES['application/openstack-images-v2.0-json-patch'], 'v2.0')
    assert.equal(PATCH_MEDIA_TYPES['application/openstack-images-v2.1-json-patch'], 'v2.1')
  })

  it('know nothing else, not even what every object has', () => {
    assert.equal(PATCH_MEDIA_TYPES['application/json'], undefined)
    assert.equal(PATCH_MEDIA_TYPES['constructor'], undefined)
  })
})

describe('patch body', () => {
  it('is refused as an object [400]', () => {
    refuses(() => v21({}), 400, 'Request body must be a JSON array of operation objects.')
  })

  it('is refused as a scalar or null [400]', () => {
    refuses(() => v21('add'), 400, 'Request body must be a JSON array of operation objects.')
    refuses(() => v21(null), 400, 'Request body must be a JSON array of operation objects.')
  })

  it('is refused as an array of anything but objects [400]', () => {
    refuses(() => v21(['add']), 400, 'Operations must be JSON objects.')
    refuses(() => v21([null]), 400, 'Operations must be JSON objects.')
    refuses(() => v21([[]]), 400, 'Operations must be JSON objects.')
  })

  it('has at most 10,000 operations [413]', () => {
    const body = Array.from({ length: 10_000 }, () => remove('/x'))
    assert.equal(v21(body).length, 10_000)
    const message = 'Request has 10001 operations, at most 10000 are allowed'
    refuses(() => v21([...body, 'add']), 413, message)
  })

  it('may be an empty array', () => {
    assert.deepEqual(v20([]), [])
    assert.deepEqual(v21([]), [])
  })

  it('may have extra members, and a value for remove, both ignored', () => {
    assert.deepEqual(v21([{ op: 'remove', path: '/x', value: 1, from: '/y' }]), [
      { op: 'remove', name: 'x', path: '/x' },
    ])
    assert.deepEqual(v20([{ remove: '/x', value: 1, path: 7 }]), [
      { op: 'remove', name: 'x', path: '/x' },
    ])
  })

  it('carries the value that validation returns', () => {
    const operations = parsePatch('v2.1', [add('/min_disk', 1)], (name, value) => [name, value])
    assert.deepEqual(operations, [
      { op: 'add', name: 'min_disk', path: '/min_disk', value: ['min_disk', 1] },
    ])
  })

  it('takes null for a value that is there', () => {
    assert.deepEqual(v21([replace('/name', null)]), [
      { op: 'replace', name: 'name', path: '/name', value: null },
    ])
  })
})

describe('v2.1 operation', () => {
  const wanted = 'It must be one of the following: add, remove, replace.'

  it('is refused without op, or in the v2.0 form [400]', () => {
    const message = `Unable to find \`op\` in JSON Schema change. ${wanted}`
    refuses(() => v21([{ path: '/x', value: 'y' }]), 400, message)
    refuses(() => v21([{ add: '/x', value: 'y' }]), 400, message)
    refuses(() => v21([{ op: null, path: '/x' }]), 400, message)
  })

  it('is refused with op test, move, copy or ADD [400]', () => {
    const invalid = (op: string) => `Invalid operation: \`${op}\`. ${wanted}`
    refuses(() => v21([{ op: 'test', path: '/x', value: 'y' }]), 400, invalid('test'))
    refuses(() => v21([{ op: 'move', path: '/x', from: '/y' }]), 400, invalid('move'))
    refuses(() => v21([{ op: 'copy', path: '/x', from: '/y' }]), 400, invalid('copy'))
    refuses(() => v21([{ op: 'ADD', path: '/x', value: 'y' }]), 400, invalid('ADD'))
  })

  it('is refused with an op that is not text [400]', () => {
    const message = `Invalid operation: \`{"toString":1}\`. ${wanted}`
    refuses(() => v21([{ op: { toString: 1 }, path: '/x' }]), 400, message)
  })

  it('is refused without path [400]', () => {
    const message = "Unable to find 'path' in JSON Schema change"
    refuses(() => v21([{ op: 'add', value: 'y' }]), 400, message)
  })

  it('is refused with a path that is not text [400]', () => {
    refuses(() => v21([{ op: 'remove', path: 5 }]), 400, 'Pointer `5` is not a string.')
    refuses(() => v21([{ op: 'remove', path: null }]), 400, 'Pointer `null` is not a string.')
  })

  it('is refused without the value that add and replace need [400]', () => {
    const message = (op: string) => `Operation "${op}" requires a member named "value".`
    refuses(() => v21([{ op: 'add', path: '/x' }]), 400, message('add'))
    refuses(() => v21([{ op: 'replace', path: '/x' }]), 400, message('replace'))
  })
})

describe('v2.0 operation', () => {
  it('is read from the member named after it', () => {
    assert.deepEqual(
      v20([
        { add: '/x', value: 'y' },
        { replace: '/x', value: 'z' },
      ]),
      [
        { op: 'add', name: 'x', path: '/x', value: 'y' },
        { op: 'replace', name: 'x', path: '/x', value: 'z' },
      ],
    )
  })

  it('is refused without op member, or in the v2.1 form [400]', () => {
    const message =
      'Operation objects must contain exactly one member named "add", "remove", or "replace".'
    refuses(() => v20([{}]), 400, message)
    refuses(() => v20([add('/x', 'y')]), 400, message)
  })

  it('is refused with several op members [400]', () => {
    const message =
      'Operation objects must contain only one member named "add", "remove", or "replace".'
    refuses(() => v20([{ add: '/x', remove: '/x', value: 'y' }]), 400, message)
  })

  it('is refused with a pointer that is not text [400]', () => {
    refuses(() => v20([{ add: ['/x'], value: 'y' }]), 400, 'Pointer `["/x"]` is not a string.')
  })

  it('is refused without the value that add and replace need [400]', () => {
    const message = (op: string) => `Operation "${op}" requires a member named "value".`
    refuses(() => v20([{ add: '/x' }]), 400, message('add'))
    refuses(() => v20([{ replace: '/x' }]), 400, message('replace'))
  })
})

describe('pointer', () => {
  it('begins with a slash, and with nothing before it [400]', () => {
    refuses(() => v21([remove('x')]), 400, 'Pointer `x` does not start with "/".')
    refuses(() => v21([remove(' /x')]), 400, 'Pointer ` /x` does not start with "/".')
    refuses(() => v21([remove('')]), 400, 'Pointer `` does not start with "/".')
  })

  it('has no adjacent slashes [400]', () => {
    refuses(() => v21([remove('//x')]), 400, 'Pointer `//x` contains adjacent "/".')
    refuses(() => v21([remove('/x//y')]), 400, 'Pointer `/x//y` contains adjacent "/".')
    refuses(() => v21([remove('//')]), 400, 'Pointer `//` contains adjacent "/".')
  })

  it('has no slash at its end [400]', () => {
    refuses(() => v21([remove('/x/')]), 400, 'Pointer `/x/` end with "/".')
    refuses(() => v21([remove('/\n/')]), 400, 'Pointer `/\n/` end with "/".')
  })

  it('addresses the property with the empty name as the lone slash', () => {
    assert.deepEqual(parsePointer('/'), [''])
  })

  it('unescapes ~0 to ~ and ~1 to /, once', () => {
    assert.deepEqual(parsePointer('/a~1b'), ['a/b'])
    assert.deepEqual(parsePointer('/a~0b'), ['a~b'])
    assert.deepEqual(parsePointer('/~01'), ['~1'])
    assert.deepEqual(parsePointer('/~1~0~1'), ['/~/'])
  })

  it('has no other escapes [400]', () => {
    const message = (pointer: string) =>
      `Pointer \`${pointer}\` contains "~" not part of a recognized escape sequence.`
    refuses(() => v21([remove('/~2')]), 400, message('/~2'))
    refuses(() => v21([remove('/~~1')]), 400, message('/~~1'))
    refuses(() => v21([remove('/x~')]), 400, message('/x~'))
  })

  it('loses the white space around a segment', () => {
    assert.deepEqual(v21([remove('/ name ')]), [{ op: 'remove', name: 'name', path: '/ name ' }])
    assert.deepEqual(parsePointer('/ locations / 0'), ['locations', '0'])
  })

  it('has depth 1 [400]', () => {
    const message = "Invalid JSON pointer for this resource: '/tags/0'"
    refuses(() => v21([replace('/tags/0', 'x')]), 400, message)
    refuses(
      () => v21([add('/tags/-', 'x')]),
      400,
      "Invalid JSON pointer for this resource: '/tags/-'",
    )
    refuses(() => v21([remove('/x/y')]), 400, "Invalid JSON pointer for this resource: '/x/y'")
  })

  it('has depth 2 to add and remove locations', () => {
    assert.deepEqual(v21([add('/locations/-', {}), remove('/locations/0')]), [
      { op: 'add', name: 'locations', path: '/locations/-', position: '-', value: {} },
      { op: 'remove', name: 'locations', path: '/locations/0', position: '0' },
    ])
  })

  it('has no other depth for locations [400]', () => {
    const message = (path: string) => `Invalid JSON pointer for this resource: '${path}'`
    refuses(() => v21([add('/locations', [])]), 400, message('/locations'))
    refuses(() => v21([remove('/locations')]), 400, message('/locations'))
    refuses(() => v21([replace('/locations/0', {})]), 400, message('/locations/0'))
    refuses(() => v21([add('/locations/0/url', '')]), 400, message('/locations/0/url'))
  })
})

describe('root of an operation', () => {
  const readOnly = (name: string) => {
    const message = `Attribute '${name}' is read-only.`
    refuses(() => v21([add(`/${name}`, null)]), 403, message)
    refuses(() => v21([replace(`/${name}`, null)]), 403, message)
    refuses(() => v20([{ remove: `/${name}` }]), 403, message)
  }
  const reserved = (name: string) => {
    const message = `Attribute '${name}' is reserved.`
    refuses(() => v21([add(`/${name}`, null)]), 403, message)
    refuses(() => v21([replace(`/${name}`, null)]), 403, message)
    refuses(() => v20([{ remove: `/${name}` }]), 403, message)
  }

  it('is refused as what the service alone writes, for any op [403]', () => {
    readOnly('id')
    readOnly('status')
    readOnly('size')
    readOnly('virtual_size')
    readOnly('checksum')
    readOnly('created_at')
    readOnly('updated_at')
    readOnly('os_hash_algo')
    readOnly('os_hash_value')
  })

  it('is refused as a link, for any op [403]', () => {
    readOnly('direct_url')
    readOnly('self')
    readOnly('file')
    readOnly('schema')
    readOnly('stores')
  })

  it('is refused as a reserved name, for any op [403]', () => {
    reserved('location')
    reserved('deleted')
    reserved('deleted_at')
    reserved('os_glance_import_task')
    reserved('os_glancefoo')
  })

  it('may look like one of them', () => {
    const body = [add('/OS_GLANCE_x', 'y'), add('/Status', 'y'), add('/my_os_glance', 'y')]
    assert.equal(v21(body).length, 3)
  })
})

describe('errors of one patch', () => {
  it('tell of syntax before an earlier read-only root [400]', () => {
    refuses(() => v21([replace('/id', 'x'), 'x']), 400, 'Operations must be JSON objects.')
  })

  it('tell of a read-only root before an earlier value [403]', () => {
    const body = [add('/arch', 5), replace('/status', 'active')]
    refuses(() => v21(body), 403, "Attribute 'status' is read-only.")
  })

  it('tell of a value that is not of the schema [400]', () => {
    const mismatch = (name: string) => `Provided object does not match schema 'image': ${name}`
    refuses(() => v21([add('/arch', 5)]), 400, mismatch('arch'))
    refuses(() => v21([replace('/name', 5)]), 400, mismatch('name'))
  })
})

describe('replace', () => {
  it('sets a base property', () => {
    assert.equal(patch(active, [replace('/name', 'new')]).name, 'new')
    assert.equal(patch(active, [replace('/name', null)]).name, null)
    assert.equal(patch(active, [replace('/min_disk', 3)]).min_disk, 3)
    assert.equal(patch(active, [replace('/min_ram', 4)]).min_ram, 4)
    assert.equal(patch(active, [replace('/protected', true)]).protected, true)
    assert.equal(patch(active, [replace('/os_hidden', true)]).os_hidden, true)
    assert.equal(patch(active, [replace('/visibility', 'private')]).visibility, 'private')
  })

  it('sets a base property in v2.0', () => {
    assert.equal(patch20(active, [{ replace: '/name', value: 'new' }]).name, 'new')
  })

  it('sets a custom property', () => {
    const expected = { arch: 'arm64' }
    assert.deepEqual(patch(active, [replace('/arch', 'arm64')]).properties, expected)
    assert.deepEqual(patch20(active, [{ replace: '/arch', value: 'arm64' }]).properties, expected)
  })

  it('is refused where no property is [409]', () => {
    refuses(() => patch(active, [replace('/x', 'y')]), 409, 'Property x does not exist.')
    refuses(
      () => patch20(active, [{ replace: '/x', value: 'y' }]),
      409,
      'Property x does not exist.',
    )
  })
})

describe('add in v2.1', () => {
  it('sets a base property', () => {
    assert.equal(patch(active, [add('/name', 'new')]).name, 'new')
  })

  it('overwrites a custom property', () => {
    assert.deepEqual(patch(active, [add('/arch', 'arm64')]).properties, { arch: 'arm64' })
  })

  it('creates a custom property', () => {
    assert.deepEqual(patch(active, [add('/', 'y')]).properties, { arch: 'x86_64', '': 'y' })
  })
})

describe('add in v2.0', () => {
  it('is refused for a base property, even one without a value [409]', () => {
    const nameless = { ...active, name: null }
    const message = 'Property name already present.'
    refuses(() => patch20(active, [{ add: '/name', value: 'new' }]), 409, message)
    refuses(() => patch20(nameless, [{ add: '/name', value: 'new' }]), 409, message)
  })

  it('is refused for a custom property that is there [409]', () => {
    const body = [{ add: '/arch', value: 'arm64' }]
    refuses(() => patch20(active, body), 409, 'Property arch already present.')
  })

  it('creates a custom property', () => {
    const { properties } = patch20(active, [{ add: '/x', value: 'y' }])
    assert.deepEqual(properties, { arch: 'x86_64', x: 'y' })
  })
})

describe('remove', () => {
  it('is refused for a base property, tags and owner too [403]', () => {
    refuses(() => patch(active, [remove('/name')]), 403, 'Property name may not be removed.')
    refuses(() => patch(active, [remove('/tags')]), 403, 'Property tags may not be removed.')
    refuses(() => patch(active, [remove('/owner')]), 403, 'Property owner may not be removed.')
    refuses(() => patch20(active, [{ remove: '/name' }]), 403, 'Property name may not be removed.')
  })

  it('removes a custom property', () => {
    assert.deepEqual(patch(active, [remove('/arch')]).properties, {})
    assert.deepEqual(patch20(active, [{ remove: '/arch' }]).properties, {})
  })

  it('is refused where no property is [409]', () => {
    refuses(() => patch(active, [remove('/x')]), 409, 'Property x does not exist.')
    refuses(() => patch20(active, [{ remove: '/x' }]), 409, 'Property x does not exist.')
  })
})

describe('tags', () => {
  it('are set as a whole list, in its order, without duplicates', () => {
    assert.deepEqual(patch(active, [replace('/tags', ['b', 'a', 'b'])]).tags, ['b', 'a'])
    assert.deepEqual(patch(active, [add('/tags', ['', 'A', 'a'])]).tags, ['', 'A', 'a'])
    assert.deepEqual(patch(active, [replace('/tags', [])]).tags, [])
  })
})

describe('owner', () => {
  it('is set by an administrator, to null too', () => {
    assert.equal(patch(active, [replace('/owner', 'project-b')]).owner, 'project-b')
    assert.equal(patch(active, [add('/owner', null)]).owner, null)
  })

  it('is refused to anyone else, even the same owner [403]', () => {
    const message = "Owner can't be updated by non admin."
    refuses(() => patch(active, [replace('/owner', 'project-b')], member), 403, message)
    refuses(() => patch(active, [add('/owner', 'project-a')], member), 403, message)
  })
})

describe('visibility', () => {
  it('is set if the caller may', () => {
    const body = [replace('/visibility', 'public')]
    assert.equal(patch(active, body).visibility, 'public')
    const { visibility } = patch(active, [add('/visibility', 'community')], member)
    assert.equal(visibility, 'community')
  })

  it('is refused to a caller who may not [403]', () => {
    const message = 'You are not authorized to complete publicize_image action.'
    refuses(() => patch(active, [replace('/visibility', 'public')], member), 403, message)
    refuses(() => patch(active, [add('/visibility', 'public')], member), 403, message)
  })
})

describe('disk_format and container_format', () => {
  const diskFormat = 'Attribute disk_format can be only replaced for a queued image.'
  const containerFormat = 'Attribute container_format can be only replaced for a queued image.'

  it('are set while the image is queued, to null too', () => {
    const body = [replace('/disk_format', 'raw'), add('/container_format', 'ova')]
    const image = patch(queued, body, member)
    assert.deepEqual([image.disk_format, image.container_format], ['raw', 'ova'])
    assert.equal(patch(queued, [replace('/disk_format', null)]).disk_format, null)
    assert.equal(patch(queued, [replace('/container_format', null)]).container_format, null)
  })

  it('are refused once the image is active, even unchanged [403]', () => {
    refuses(() => patch(active, [replace('/disk_format', 'qcow2')]), 403, diskFormat)
    refuses(() => patch(active, [add('/container_format', 'bare')]), 403, containerFormat)
  })

  it('are refused while the image is staged [403]', () => {
    const staged: Image = { ...queued, status: 'uploading' }
    refuses(() => patch(staged, [add('/disk_format', 'raw')]), 403, diskFormat)
    refuses(() => patch(staged, [replace('/container_format', 'ova')]), 403, containerFormat)
  })
})

describe('locations', () => {
  const invisible = (verb: string) =>
    `It's not allowed to ${verb} locations if locations are invisible.`

  it('are not replaced [403]', () => {
    const body = [replace('/locations', [{ url: 'http://a/b', metadata: {} }])]
    refuses(() => patch(queued, body), 403, invisible('update'))
  })

  it('are not replaced by an empty list [403]', () => {
    const body = [replace('/locations', [])]
    refuses(() => patch(queued, body), 403, 'Cannot set locations to empty list.')
  })

  it('are not added [403]', () => {
    refuses(() => patch(queued, [add('/locations/-', {})]), 403, invisible('add'))
    refuses(() => patch20(queued, [{ add: '/locations/0', value: {} }]), 403, invisible('add'))
  })

  it('are not removed [403]', () => {
    refuses(() => patch(queued, [remove('/locations/0')]), 403, invisible('remove'))
  })
})

describe('custom property', () => {
  it('may be called like an internal of Glance', () => {
    const body = [add('/image_id', 'a'), add('/base', 'b'), add('/extra_properties', 'c')]
    const expected = { arch: 'x86_64', image_id: 'a', base: 'b', extra_properties: 'c' }
    assert.deepEqual(patch(active, body).properties, expected)
    refuses(() => patch(active, [remove('/base')]), 409, 'Property base does not exist.')
  })

  it('may be called like an internal of JavaScript', () => {
    const body = [add('/toString', 'a'), add('/constructor', 'b')]
    const { properties } = patch(active, body)
    assert.deepEqual(Object.keys(properties), ['arch', 'toString', 'constructor'])
    const left = patch({ ...active, properties }, [remove('/arch'), replace('/toString', 'z')])
    assert.deepEqual(Object.entries(left.properties), [
      ['toString', 'z'],
      ['constructor', 'b'],
    ])
    refuses(() => patch(active, [remove('/toString')]), 409, 'Property toString does not exist.')
  })

  it('may be null where the schema lets it, as for a kernel', () => {
    assert.equal(patch(active, [add('/kernel_id', null)]).properties['kernel_id'], null)
  })
})

describe('character outside the Basic Multilingual Plane', () => {
  const message = (name: string) => `${name} can't contain 4 byte unicode characters.`

  it('is refused in the name [400]', () => {
    refuses(() => patch(active, [replace('/name', emoji)]), 400, message('Name'))
  })

  it('is refused in the value of a custom property [400]', () => {
    refuses(() => patch(active, [replace('/arch', `x${emoji}`)]), 400, message('Arch'))
  })

  it('is refused in the name of a custom property [400]', () => {
    refuses(() => patch(active, [add(`/${emoji}`, 'x')]), 400, message(emoji))
    refuses(() => refuseUnstorableCharacters({ [emoji]: 'x' }), 400, message(emoji))
  })

  it('is refused in a tag that is new [400]', () => {
    refuses(() => patch(active, [replace('/tags', ['old', emoji])]), 400, message('Tags'))
  })

  it('may stay in a tag that is there', () => {
    const tags = [emoji, 'new']
    assert.deepEqual(patch({ ...active, tags: [emoji] }, [replace('/tags', tags)]).tags, tags)
  })
})

describe('text that cannot be stored', () => {
  it('has a NUL, in whatever it is [400]', () => {
    const message = "Tags can't contain NUL characters."
    refuses(() => patch(active, [replace('/tags', ['a\0b'])]), 400, message)
    refuses(() => patch(active, [add('/a\0b', 'v')]), 400, "A\0b can't contain NUL characters.")
  })

  it('has half of a surrogate pair, in whatever it is [400]', () => {
    const message = (name: string) => `${name} can't contain lone surrogates.`
    refuses(() => patch(active, [replace('/name', 'a\ud800')]), 400, message('Name'))
    refuses(() => patch(active, [replace('/owner', '\udc00')]), 400, message('Owner'))
    refuses(() => patch(active, [add('/arch', '\udbff\ud800')]), 400, message('Arch'))
    refuses(() => patch(active, [add('/x\ud800', 'v')]), 400, message('X\ud800'))
    refuses(() => patch(active, [replace('/tags', ['\udfff'])]), 400, message('Tags'))
  })

  it('has nothing else', () => {
    refuseUnstorableCharacters({ name: 'é€語\uFFFD', owner: null, min_disk: 1, 語: '' })
  })
})

describe('key of a create', () => {
  it('is refused as read-only [403]', () => {
    refuses(() => refuseProtectedOnCreate('size'), 403, "Attribute 'size' is read-only.")
    refuses(() => refuseProtectedOnCreate('stores'), 403, "Attribute 'stores' is read-only.")
  })

  it('is refused as reserved, locations too [403]', () => {
    refuses(() => refuseProtectedOnCreate('locations'), 403, "Attribute 'locations' is reserved.")
    refuses(() => refuseProtectedOnCreate('location'), 403, "Attribute 'location' is reserved.")
    refuses(() => refuseProtectedOnCreate('os_glance'), 403, "Attribute 'os_glance' is reserved.")
    refuses(() => refuseProtectedOnCreate('__proto__'), 403, "Attribute '__proto__' is reserved.")
  })

  it('may be the id or a hash, which a patch may not name', () => {
    refuseProtectedOnCreate('id')
    refuseProtectedOnCreate('os_hash_algo')
    refuseProtectedOnCreate('os_hash_value')
    refuses(() => refuseProtectedOnPatch('id'), 403, "Attribute 'id' is read-only.")
  })
})

describe('base properties', () => {
  it('are the columns of an image and what is computed of it', () => {
    const expected =
      'checksum container_format created_at direct_url disk_format file id locations min_disk ' +
      'min_ram name os_hash_algo os_hash_value os_hidden owner protected schema self size status ' +
      'stores tags updated_at virtual_size visibility'
    assert.equal([...BASE_PROPERTIES].sort().join(' '), expected)
  })

  it('contain the read-only ones', () => {
    assert.equal(READ_ONLY_PROPERTIES.size, 13)
    assert.ok([...READ_ONLY_PROPERTIES].every((name) => BASE_PROPERTIES.has(name)))
  })
})

describe('sequence of operations', () => {
  it('is done in its order on one copy', () => {
    const body = [add('/x', 'y'), remove('/x'), replace('/name', 'a'), replace('/name', 'b')]
    assert.deepEqual(patch(active, body), { ...active, name: 'b' })
  })

  it('is a new image even if empty', () => {
    const image = patch(active, [])
    assert.deepEqual(image, active)
    assert.notEqual(image, active)
  })

  it('may be a long one', () => {
    const body = Array.from({ length: 10_000 }, (_, index) => add(`/p${index}`, 'v'))
    assert.equal(Object.keys(patch(active, body).properties).length, 10_001)
  })

  it('fails as a whole [409]', () => {
    const before = structuredClone(active)
    const body = [add('/x', 'y'), replace('/tags', []), remove('/arch'), remove('/none')]
    refuses(() => patch(active, body), 409, 'Property none does not exist.')
    assert.deepEqual(active, before)
  })

  it('does what a list of pairs does', () => {
    fc.assert(fc.property(anyDialect, anyProperties, anySteps, agreesWithModel))
  })
})

type Step = ['add' | 'replace' | 'remove', name: string, value: string]
type Outcome = { name: string | null; pairs: Map<string, string | null> } | { status: number }

const anyDialect = fc.constantFrom<PatchDialect>('v2.0', 'v2.1')
const anyCustomName = fc.constantFrom('arch', '', 'a/b', '~1', 'image_id', 'toString', 'valueOf')
const anyProperties = fc.dictionary(anyCustomName, fc.string({ maxLength: 3 }))
const anyStep: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom<Step[0]>('add', 'add', 'replace', 'remove'),
  fc.oneof({ weight: 9, arbitrary: anyCustomName }, { weight: 1, arbitrary: fc.constant('name') }),
  fc.string({ maxLength: 3 }),
)
const anySteps = fc.array(anyStep, { maxLength: 8 })

function agreesWithModel(
  dialect: PatchDialect,
  properties: Record<string, string>,
  steps: Step[],
): void {
  const image = { ...active, properties }
  const before = structuredClone(Object.entries(properties))
  const body = steps.map((step) => (dialect === 'v2.0' ? keyed(step) : named(step)))
  const operations = parsePatch(dialect, body, validate)
  const outcome = observe(() => applyPatch(image, operations, { ...admin, dialect }))
  assert.deepEqual(outcome, model(dialect, properties, steps))
  assert.deepEqual({ ...image, properties: {} }, { ...active, properties: {} })
  assert.deepEqual(Object.entries(image.properties), before)
}

const pointer = (name: string) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
const named = ([op, name, value]: Step) => ({ op, path: pointer(name), value })
const keyed = ([op, name, value]: Step) => ({ [op]: pointer(name), value })

function observe(action: () => Image): Outcome {
  try {
    const { name, properties } = action()
    return { name, pairs: new Map(Object.entries(properties)) }
  } catch (error) {
    assert.ok(error instanceof HeliostatError)
    return { status: error.status }
  }
}

/** The table of the contract once more, on a Map and without a thought for the image. */
function model(dialect: PatchDialect, properties: Record<string, string>, steps: Step[]): Outcome {
  const pairs = new Map<string, string>(Object.entries(properties)).set(' name', 'cirros')
  for (const [op, given, value] of steps) {
    const key = given === 'name' ? ' name' : given
    if (op === 'remove' && given === 'name') return { status: 403 }
    if (op === 'add' && dialect === 'v2.0' && pairs.has(key)) return { status: 409 }
    if (op !== 'add' && !pairs.has(key)) return { status: 409 }
    if (op === 'remove') pairs.delete(key)
    else pairs.set(key, value)
  }
  const name = pairs.get(' name') ?? null
  pairs.delete(' name')
  return { name, pairs }
}
