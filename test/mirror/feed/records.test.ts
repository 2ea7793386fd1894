import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  changes,
  head,
  type ImageRecord,
  imageRecord,
  metadefChanges,
} from '../../../src/mirror/feed/records.ts'
import { parseAs } from '../../../src/mirror/upstream/documents.ts'
import { imageOf, manifestOf } from '../../support/fake-upstream.ts'

const image = imageOf(manifestOf('a'))
const member = { member: 'm', status: 'pending', created_at: 1, updated_at: 1, deleted_at: null }

/** The sentence with which a record is refused; null for one that is taken. */
function refusal(attributes: Record<string, unknown>): string | null {
  try {
    parseAs(imageRecord, JSON.stringify({ ...image, ...attributes }))
    return null
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
}

const LIES: Record<string, unknown[]> = {
  id: ['', 'x', '../../etc', `${image.id}0`, `${image.id}\n`, 5, null],
  name: ['x'.repeat(256), 'a\0b', '\ud800', 5],
  status: ['foo', '', null],
  visibility: ['secret', null],
  size: [-1, 0.5, 1e300, '5'],
  virtual_size: [-1],
  min_disk: [-1, 2 ** 31],
  min_ram: [-1, 2 ** 31, null],
  created_at: [-1, 8.64e15, 1e300, 'today', null],
  updated_at: [8.64e15 + 1],
  deleted_at: [-1, 1e17],
  checksum: ['x'.repeat(32), 'a'.repeat(31), 'A'.repeat(32)],
  os_hash_value: ['g', 'a'.repeat(129)],
  owner: ['x'.repeat(256), '\udfff'],
  protected: [1, 'yes'],
  tags: [['a', 'a'], ['x'.repeat(256)], ['a\0'], 'a', [null], Array(100_001).fill('a')],
  properties: [{ ['x'.repeat(256)]: '' }, { a: 5 }, { 'a\0': '' }, { a: '\ud800' }, []],
  members: [[member, member], [{ ...member, status: 'foo' }], [{ ...member, created_at: -1 }]],
  blob: ['x', 'A'.repeat(64), '../'.padEnd(64, 'a'), `${'a'.repeat(64)}\n`],
}

describe('a record of an upstream', () => {
  it('is taken as an origin tells it', () => {
    assert.equal(refusal({}), null)
    const own = JSON.parse('{"__proto__": "x"}')
    assert.equal(refusal({ properties: own }), null)
    const full = { tags: ['b', 'a', ''], properties: { '': '', a: null }, members: [member] }
    assert.equal(
      refusal({ ...full, name: '漢字 😀', min_ram: 2 ** 31 - 1, size: 2 ** 53 - 1 }),
      null,
    )
    assert.equal(refusal({ status: 'deleted', deleted_at: 1, blob: null, size: null }), null)
  })

  it('is refused with a sentence that names what is wrong', () => {
    for (const [name, values] of Object.entries(LIES)) {
      for (const value of values) {
        const sentence = refusal({ [name]: value })
        assert.match(sentence ?? 'taken', /^refused: [^\n{}]{1,400}$/, `${name}`)
      }
    }
    assert.match(refusal({ tags: ['a', 'a'] }) ?? '', /^refused: tags: has one twice$/)
  })

  it('is refused where it has no such attribute at all', () => {
    for (const name of Object.keys(image)) {
      if (name !== 'id') assert.ok(refusal({ [name]: undefined }), name)
    }
  })
})

describe('a page of changes', () => {
  const page = (...images: ImageRecord[]) =>
    JSON.stringify({
      epoch: 'e',
      seq: 1,
      more: false,
      changes: images.map((each) => ({ seq: 1, image: each })),
    })

  it('names an image once', () => {
    assert.equal(parseAs(changes, page(image, imageOf(manifestOf('b')))).changes.length, 2)
    assert.throws(
      () => parseAs(changes, page(image, image)),
      /refused: changes: has an image twice/,
    )
  })

  it('says where in it a record is refused', () => {
    const wrong = { ...image, size: -1 }
    assert.throws(() => parseAs(changes, page(image, wrong)), /refused: changes\.1\.image\.size: /)
  })
})

describe('where an upstream says that its feed stands', () => {
  it('is a number, and names that lists and headers can hold', () => {
    const stands = { epoch: 'e', seq: 1, time: 1, sites: ['a'] }
    assert.deepEqual(parseAs(head, JSON.stringify(stands)), stands)
    const lies = [{ seq: -1 }, { seq: 1e300 }, { epoch: 'a b' }, { epoch: '' }, { sites: ['a b'] }]
    for (const lie of [...lies, { sites: Array(101).fill('a') }, { epoch: 'e'.repeat(65) }]) {
      assert.throws(() => parseAs(head, JSON.stringify({ ...stands, ...lie })), /^Error: refused: /)
    }
  })
})

describe('metadata definitions of an upstream', () => {
  const times = { created_at: 1, updated_at: 1 }
  const namespace = {
    id: 'a',
    namespace: 'n',
    display_name: null,
    description: null,
    visibility: 'public',
    protected: false,
    owner: null,
    ...times,
    properties: [],
    objects: [],
    tags: [{ name: 't', ...times }],
    associations: [],
  }
  const parse = (...records: (typeof namespace)[]) => {
    const namespaces = records.map((record) => ({ id: record.id, record }))
    return parseAs(metadefChanges, JSON.stringify({ namespaces, resource_types: [] }))
  }

  it('are refused where the registry could not hold them together', () => {
    assert.equal(parse(namespace, { ...namespace, id: 'b', namespace: 'm' }).namespaces.length, 2)
    assert.throws(() => parse(namespace, namespace), /has one twice/)
    assert.throws(() => parse(namespace, { ...namespace, id: 'b' }), /has two of one name/)
    const tags = [...namespace.tags, ...namespace.tags]
    assert.throws(() => parse({ ...namespace, tags }), /tags: has one twice/)
    assert.throws(() => parse({ ...namespace, namespace: 'a\0' }), /NUL characters/)
    assert.throws(() => parse({ ...namespace, created_at: -1 }), /created_at/)
  })
})
