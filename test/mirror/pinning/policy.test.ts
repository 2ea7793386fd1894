import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type Candidate,
  familyOf,
  pinnedByPolicy,
  type PinPolicy,
} from '../../../src/mirror/pinning/policy.ts'

const NOTHING: PinPolicy = { visibilities: [], tags: [], names: [], newest: Infinity }

function image(id: string, attributes: Partial<Candidate> = {}): Candidate {
  const rest = { name: null, visibility: 'shared', tags: [], properties: {}, created_at: 0 }
  return { id, ...rest, ...attributes }
}

function pinned(policy: Partial<PinPolicy>, ...images: Candidate[]): string[] {
  return pinnedByPolicy({ ...NOTHING, ...policy }, images)
}

describe('a pin policy', () => {
  it('pins nothing when it says nothing', () => {
    assert.deepEqual(pinned({}, image('a', { visibility: 'public' })), [])
  })

  it('pins by visibility', () => {
    const images = [image('a', { visibility: 'public' }), image('b')]
    assert.deepEqual(pinned({ visibilities: ['public', 'community'] }, ...images), ['a'])
  })

  it('pins by tag', () => {
    const images = [image('a', { tags: ['x', 'golden'] }), image('b', { tags: ['gold'] })]
    assert.deepEqual(pinned({ tags: ['golden'] }, ...images), ['a'])
  })

  it('pins by a pattern for the whole name', () => {
    const images = [
      image('a', { name: 'debian-12.qcow2' }),
      image('b', { name: 'my-debian-12.qcow2' }),
      image('c', { name: 'debian-12-qcow2' }),
      image('d'),
    ]
    assert.deepEqual(pinned({ names: ['debian-??.*'] }, ...images), ['a'])
  })

  it('pins what any of visibility, tag and name chooses', () => {
    const images = [
      image('a', { tags: ['golden'], created_at: 1 }),
      image('b', { visibility: 'public', created_at: 2 }),
      image('c', { name: 'x', created_at: 3 }),
      image('d', { created_at: 4 }),
    ]
    const policy = { visibilities: ['public'], tags: ['golden'], names: ['x*'] }
    assert.deepEqual(pinned(policy, ...images), ['a', 'b', 'c'])
  })

  it('pins the oldest first, so that a new image takes no place', () => {
    const images = [
      image('new', { name: 'x', created_at: 2 }),
      image('old', { name: 'y', created_at: 1 }),
    ]
    assert.deepEqual(pinned({ names: ['*'] }, ...images), ['old', 'new'])
  })

  it('pins the newest of each family', () => {
    const images = [
      image('u1', { name: 'ubuntu-20250101', created_at: 1 }),
      image('u2', { name: 'ubuntu-20250201', created_at: 2 }),
      image('u3', { name: 'ubuntu-20250301', created_at: 3 }),
      image('d1', { name: 'debian-20240101', created_at: 0 }),
    ]
    assert.deepEqual(pinned({ newest: 2 }, ...images), ['d1', 'u2', 'u3'])
  })

  it('pins only the newest of what visibility, tag and name choose', () => {
    const images = [
      image('a', { name: 'ubuntu-1', visibility: 'public', created_at: 1 }),
      image('b', { name: 'ubuntu-2', visibility: 'public', created_at: 2 }),
      image('c', { name: 'ubuntu-3', visibility: 'private', created_at: 3 }),
    ]
    assert.deepEqual(pinned({ visibilities: ['public'], newest: 1 }, ...images), ['b'])
  })
})

describe('the family of an image', () => {
  const family = (name: string | null, properties: Record<string, string> = {}) =>
    familyOf({ name, properties })

  it('is its name without a date at the end', () => {
    assert.equal(family('debian-12-generic-20250101'), family('debian-12-generic-20250715T1200Z'))
  })

  it('is its name without a version at the end', () => {
    assert.equal(family('cirros v0.6.2'), family('cirros v0.6.3'))
  })

  it('is the whole name where that is nothing but a version', () => {
    assert.notEqual(family('12'), family('13'))
  })

  it('takes an architecture at the end of a name for none of these', () => {
    assert.notEqual(family('rocky-9-x86_64'), family('rocky-9-x86'))
  })

  it('is the version that the image names rather than its name', () => {
    const properties = { os_distro: 'debian', os_version: '12' }
    assert.equal(family('bookworm', properties), family('stable', properties))
    assert.notEqual(family('x', properties), family('x', { ...properties, os_version: '13' }))
  })

  it('is another one on another architecture', () => {
    assert.notEqual(
      family('x', { architecture: 'aarch64' }),
      family('x', { architecture: 'x86_64' }),
    )
  })
})
