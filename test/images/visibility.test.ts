import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import Database from 'libsql'
import { amongShares, partConditions, partsOf, type Scope } from '../../src/images/list/parts.ts'
import { canSee, type Viewer } from '../../src/images/visibility.ts'
import { all } from '../../src/registry/fragment.ts'

/** Images are named after their owner and visibility, shares after what `mine` made of them. */
const TABLES = `
  create table images (id text primary key, owner text, visibility text not null);
  create table image_members (
    image_id text, member text, status text, deleted_at integer, primary key (image_id, member)
  );
  insert into images values
    ('my-private', 'mine', 'private'), ('my-shared', 'mine', 'shared'),
    ('my-community', 'mine', 'community'), ('my-public', 'mine', 'public'),
    ('their-private', 'theirs', 'private'), ('their-community', 'theirs', 'community'),
    ('their-public', 'theirs', 'public'), ('their-unshared', 'theirs', 'shared'),
    ('accepted', 'theirs', 'shared'), ('pending', 'theirs', 'shared'),
    ('rejected', 'theirs', 'shared'), ('withdrawn', 'theirs', 'shared'),
    ('shared-once', 'theirs', 'private'),
    ('ownerless-private', null, 'private'), ('ownerless-shared', null, 'shared'),
    ('ownerless-public', null, 'public');
  insert into image_members values
    ('accepted', 'mine', 'accepted', null), ('pending', 'mine', 'pending', null),
    ('rejected', 'mine', 'rejected', null), ('withdrawn', 'mine', 'accepted', 1),
    ('shared-once', 'mine', 'accepted', null), ('their-unshared', 'other', 'accepted', null);
`

const database = new Database(':memory:')

const MEMBER: Viewer = { isAdmin: false, projectId: 'mine' }
const ANONYMOUS: Viewer = { isAdmin: false, projectId: null }
const ADMIN: Viewer = { isAdmin: true, projectId: 'mine' }

/** In the order in which they were made. Nobody is listed twice, since no image is in two parts. */
function list(viewer: Viewer, scope: Partial<Scope> = {}): string[] {
  const parts = partsOf(viewer, { visibility: null, memberStatus: 'accepted', ...scope })
  const rows = parts.flatMap((part) => {
    const shares = part.share ? [amongShares(part.share)] : []
    const { text, args } = all([...partConditions(part), ...shares])
    const statement = database.prepare(`select rowid, id from images where ${text}`)
    return statement.all(...args) as { rowid: number; id: string }[]
  })
  return rows.toSorted((one, other) => one.rowid - other.rowid).map(({ id }) => id)
}

before(() => database.exec(TABLES))
after(() => database.close())

describe("a project's list", () => {
  it('shows its own images, public ones and accepted shares', () => {
    assert.deepEqual(list(MEMBER), [
      'my-private',
      'my-shared',
      'my-community',
      'my-public',
      'their-public',
      'accepted',
      'ownerless-public',
    ])
  })

  it('shows all public images for visibility=public', () => {
    assert.deepEqual(list(MEMBER, { visibility: 'public' }), [
      'my-public',
      'their-public',
      'ownerless-public',
    ])
  })

  it('shows its own private images for visibility=private', () => {
    assert.deepEqual(list(MEMBER, { visibility: 'private' }), ['my-private'])
  })

  it('shows its own and accepted shares for visibility=shared', () => {
    assert.deepEqual(list(MEMBER, { visibility: 'shared' }), ['my-shared', 'accepted'])
  })

  it('shows the community images of everyone for visibility=community', () => {
    assert.deepEqual(list(MEMBER, { visibility: 'community' }), ['my-community', 'their-community'])
  })

  it('shows everything but shares that are not accepted for visibility=all', () => {
    assert.deepEqual(list(MEMBER, { visibility: 'all' }), [
      'my-private',
      'my-shared',
      'my-community',
      'my-public',
      'their-community',
      'their-public',
      'accepted',
      'ownerless-public',
    ])
  })

  it('is empty for an empty visibility', () => {
    assert.deepEqual(list(MEMBER, { visibility: 'none' }), [])
  })

  it('keeps own and public images beside the shares of another status', () => {
    assert.deepEqual(list(MEMBER, { memberStatus: 'pending' }), [
      'my-private',
      'my-shared',
      'my-community',
      'my-public',
      'their-public',
      'pending',
      'ownerless-public',
    ])
  })

  it('shows its own and pending shares for visibility=shared&member_status=pending', () => {
    assert.deepEqual(list(MEMBER, { visibility: 'shared', memberStatus: 'pending' }), [
      'my-shared',
      'pending',
    ])
  })

  it('shows its own and rejected shares for visibility=shared&member_status=rejected', () => {
    assert.deepEqual(list(MEMBER, { visibility: 'shared', memberStatus: 'rejected' }), [
      'my-shared',
      'rejected',
    ])
  })

  it('shows shares of every status but withdrawn ones for member_status=all', () => {
    assert.deepEqual(list(MEMBER, { visibility: 'shared', memberStatus: 'all' }), [
      'my-shared',
      'accepted',
      'pending',
      'rejected',
    ])
  })
})

describe('the list of a viewer without a project', () => {
  it('shows public images', () => {
    assert.deepEqual(list(ANONYMOUS), ['my-public', 'their-public', 'ownerless-public'])
  })

  it('shows community images for visibility=community', () => {
    assert.deepEqual(list(ANONYMOUS, { visibility: 'community' }), [
      'my-community',
      'their-community',
    ])
  })

  it('shows no image without an owner for visibility=private', () => {
    assert.deepEqual(list(ANONYMOUS, { visibility: 'private' }), [])
  })

  it('shows nothing for visibility=shared', () => {
    assert.deepEqual(list(ANONYMOUS, { visibility: 'shared', memberStatus: 'all' }), [])
  })
})

describe("an admin's list", () => {
  it('leaves out the community images of others', () => {
    assert.deepEqual(
      list({ isAdmin: true, projectId: 'theirs' }).filter((id) => id.endsWith('community')),
      ['their-community'],
    )
  })

  it('shows every other image whatever its owner and members', () => {
    assert.equal(list(ADMIN).length, 15)
  })

  it('leaves out all community images when the admin has no project', () => {
    assert.equal(list({ isAdmin: true, projectId: null }).length, 14)
  })

  it('shows the private images of all projects for visibility=private', () => {
    assert.deepEqual(list(ADMIN, { visibility: 'private' }), [
      'my-private',
      'their-private',
      'shared-once',
      'ownerless-private',
    ])
  })

  it('is not restricted by member_status', () => {
    assert.equal(list(ADMIN, { visibility: 'shared', memberStatus: 'rejected' }).length, 7)
  })

  it('shows every image for visibility=all', () => {
    assert.equal(list(ADMIN, { visibility: 'all' }).length, 16)
  })

  it('is empty for an empty visibility', () => {
    assert.deepEqual(list(ADMIN, { visibility: 'none' }), [])
  })
})

describe('an image asked for by its id', () => {
  it('is seen by an admin', () => {
    assert.equal(canSee(ADMIN, { owner: 'theirs', visibility: 'private' }, false), true)
  })

  it('is seen by its owner', () => {
    assert.equal(canSee(MEMBER, { owner: 'mine', visibility: 'private' }, false), true)
  })

  it('is seen by everyone when it has no owner', () => {
    assert.equal(canSee(ANONYMOUS, { owner: null, visibility: 'private' }, false), true)
  })

  it('is seen by everyone when public', () => {
    assert.equal(canSee(ANONYMOUS, { owner: 'theirs', visibility: 'public' }, false), true)
  })

  it('is seen by everyone when of the community', () => {
    assert.equal(canSee(MEMBER, { owner: 'theirs', visibility: 'community' }, false), true)
  })

  it('is seen by a member when shared', () => {
    assert.equal(canSee(MEMBER, { owner: 'theirs', visibility: 'shared' }, true), true)
  })

  it('is not seen by others when shared', () => {
    assert.equal(canSee(MEMBER, { owner: 'theirs', visibility: 'shared' }, false), false)
  })

  it('is not seen by a former member once private', () => {
    assert.equal(canSee(MEMBER, { owner: 'theirs', visibility: 'private' }, true), false)
  })

  it('is not seen by a viewer without a project when private', () => {
    assert.equal(canSee(ANONYMOUS, { owner: 'theirs', visibility: 'private' }, false), false)
  })
})
