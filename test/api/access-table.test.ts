import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  actOn,
  BARE_RAW,
  bytesOf,
  createImage,
  deleteImage,
  downloadData,
  patchImage,
  postImage,
  shareImage,
  uploadData,
} from '../support/images.ts'
import { TRUSTED } from '../support/options.ts'
import { ADMIN, asCaller, createTestSite, type TestSite } from '../support/site.ts'

type Headers = Record<string, string>

/** Another member of the images that are shared; never the caller. */
const THIRD = 'third'

/** Every way to use one image, in the order of the table's columns. Each is tried on an image that no other has changed. */
const USES: Record<string, (id: string, headers: Headers) => Promise<Response>> = {
  show: (id, headers) => site.request(`/v2/images/${id}`, { headers }),
  download: (id, headers) => downloadData(site, id, headers),
  rename: (id, headers) => patch(id, 'name', headers),
  publish: (id, headers) => patch(id, 'visibility', headers, 'public'),
  commun: (id, headers) => patch(id, 'visibility', headers, 'community'),
  tag: (id, headers) => send('PUT', `${id}/tags/new`, headers),
  untag: (id, headers) => send('DELETE', `${id}/tags/old`, headers),
  deact: (id, headers) => actOn(site, id, 'deactivate', headers),
  react: (id, headers) => actOn(site, id, 'reactivate', headers),
  upload: (id, headers) => uploadData(site, id, bytesOf('again'), headers),
  delete: (id, headers) => deleteImage(site, id, headers),
  members: (id, headers) => send('GET', `${id}/members`, headers),
  member: (id, headers) => send('GET', `${id}/members/${THIRD}`, headers),
  add: (id, headers) => send('POST', `${id}/members`, headers, { member: 'fourth' }),
  accept: (id, headers) => send('PUT', `${id}/members/${THIRD}`, headers, { status: 'accepted' }),
  remove: (id, headers) => send('DELETE', `${id}/members/${THIRD}`, headers),
}

/**
 * Status by caller, by whose image it is, and by use. The image is active, so an upload that is allowed meets a
 * conflict [409].
 */
const TABLE = `
                       show download rename publish commun tag untag deact react upload delete members member add accept remove
admin       own        200  200      200    200     200    204 204   204   204   409    204    200     200    200 200    204
admin       private    200  200      200    200     200    204 204   204   204   409    204    403     404    403 403    403
admin       stranger's 200  200      200    200     200    204 204   204   204   409    204    200     200    200 200    204
admin       public     200  200      200    200     200    204 204   204   204   409    204    403     404    403 403    403
admin       community  200  200      200    200     200    204 204   204   204   409    204    403     404    403 403    403
member      own        200  200      200    403     200    204 204   204   204   409    204    200     200    200 403    204
member      private    404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
member      stranger's 404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
member      shared     200  200      403    403     403    403 403   403   403   403    403    200     404    403 404    404
member      public     200  200      403    403     403    403 403   403   403   403    403    403     404    403 403    403
member      community  200  200      403    403     403    403 403   403   403   403    403    403     404    403 403    403
reader      own        200  403      403    403     403    403 403   403   403   403    403    200     200    403 403    403
reader      private    404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
reader      shared     200  403      403    403     403    403 403   403   403   403    403    200     404    403 404    404
reader      public     200  403      403    403     403    403 403   403   403   403    403    403     404    403 403    403
reader      community  200  403      403    403     403    403 403   403   403   403    403    403     404    403 403    403
member-only own        404  200      200    403     200    204 204   204   204   409    204    404     404    404 404    404
member-only private    404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
member-only shared     404  200      404    404     404    404 404   404   404   404    404    404     404    404 404    404
member-only public     404  200      404    404     404    404 404   404   404   404    404    404     404    404 404    404
auditor     own        404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
auditor     shared     404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
auditor     public     404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
manager     own        404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
any-case    own        200  200      200    403     200    204 204   204   204   409    204    200     200    200 403    204
service     own        404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
unscoped    private    404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
unscoped    public     200  200      403    403     403    403 403   403   403   403    403    403     404    403 403    403
system      public     404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
domain      public     404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
nobody      private    404  404      403    403     403    403 403   403   403   403    403    404     404    403 403    403
nobody      stranger's 404  404      403    403     403    403 403   403   403   403    403    404     404    403 403    403
nobody      public     200  200      403    403     403    403 403   403   403   403    403    403     404    403 403    403
nobody      community  200  200      403    403     403    403 403   403   403   403    403    403     404    403 403    403
stranger    public     401  401      401    401     401    401 401   401   401   401    401    401     401    401 401    401
stranger    private    401  401      401    401     401    401 401   401   401   401    401    401     401    401 401    401
`

/** The same of images without an owner: who has no project has no part in them either. */
const OWNERLESS_TABLE = `
                          show download rename publish commun tag untag deact react upload delete members member add accept remove
admin           private   200  200      200    200     200    204 204   204   204   409    204    403     404    403 403    403
admin           shared    200  200      200    200     200    204 204   204   204   409    204    200     200    200 200    204
admin           public    200  200      200    200     200    204 204   204   204   409    204    403     404    403 403    403
admin           community 200  200      200    200     200    204 204   204   204   409    204    403     404    403 403    403
unscoped-admin  private   200  200      200    200     200    204 204   204   204   409    204    403     404    403 403    403
unscoped-admin  shared    200  200      200    200     200    204 204   204   204   409    204    200     200    200 200    204
unscoped-admin  public    200  200      200    200     200    204 204   204   204   409    204    403     404    403 403    403
unscoped-admin  community 200  200      200    200     200    204 204   204   204   409    204    403     404    403 403    403
member          private   404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
member          shared    200  200      403    403     403    403 403   403   403   403    403    200     404    403 404    404
member          public    200  200      403    403     403    403 403   403   403   403    403    403     404    403 403    403
member          community 200  200      403    403     403    403 403   403   403   403    403    403     404    403 403    403
unscoped        private   404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
unscoped        shared    200  200      403    403     403    403 403   403   403   403    403    403     404    403 403    403
unscoped        public    200  200      403    403     403    403 403   403   403   403    403    403     404    403 403    403
unscoped        community 200  200      403    403     403    403 403   403   403   403    403    403     404    403 403    403
unscoped-reader private   404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
unscoped-reader shared    200  403      403    403     403    403 403   403   403   403    403    403     404    403 403    403
unscoped-reader public    200  403      403    403     403    403 403   403   403   403    403    403     404    403 403    403
unscoped-reader community 200  403      403    403     403    403 403   403   403   403    403    403     404    403 403    403
named-none      private   404  404      404    404     404    404 404   404   404   404    404    404     404    404 404    404
named-none      shared    200  200      403    403     403    403 403   403   403   403    403    200     404    403 404    404
nobody          private   404  404      403    403     403    403 403   403   403   403    403    404     404    403 403    403
nobody          shared    200  200      403    403     403    403 403   403   403   403    403    403     404    403 403    403
nobody          public    200  200      403    403     403    403 403   403   403   403    403    403     404    403 403    403
`

/** What a caller may do besides; the site has no cache, which only those hear who might use it. */
const SITE_TABLE = `
            list create public schema cache
admin       200  201    201    200    404
member      200  201    403    200    403
reader      200  403    403    200    403
member-only 403  201    403    200    403
auditor     403  403    403    200    403
manager     403  403    403    200    403
service     403  403    403    200    403
any-case    200  201    403    200    403
unscoped    200  403    403    200    403
system      403  403    403    200    403
domain      403  403    403    200    403
nobody      200  403    403    200    403
stranger    401  401    401    401    401
`

const CALLERS: Record<string, Headers> = {
  admin: ADMIN,
  member: asCaller('mine', 'member,reader'),
  reader: asCaller('mine', 'reader'),
  'member-only': asCaller('mine', 'member'),
  auditor: asCaller('mine', 'auditor'),
  // Implied roles are Keystone's to list.
  manager: asCaller('mine', 'manager'),
  service: { ...asCaller('mine', 'auditor'), 'X-Service-Roles': 'admin,service' },
  'any-case': asCaller('mine', 'Member,READER'),
  unscoped: withoutProject(asCaller('', 'member,reader')),
  'unscoped-reader': withoutProject(asCaller('', 'reader')),
  'unscoped-admin': withoutProject(asCaller('', 'admin,member,reader')),
  // As Python prints what is nothing.
  'named-none': asCaller('None', 'member,reader'),
  system: {
    ...withoutProject(asCaller('', 'admin,member,reader')),
    'OpenStack-System-Scope': 'all',
  },
  domain: { ...withoutProject(asCaller('', 'admin,member,reader')), 'X-Domain-Id': 'default' },
  nobody: {},
  stranger: {},
}

function withoutProject({ 'X-Project-Id': _, ...headers }: Headers): Headers {
  return headers
}

let site: TestSite
let closed: TestSite
let open: TestSite
before(async () => {
  closed = await createTestSite(TRUSTED)
  open = await createTestSite({
    ...TRUSTED,
    DEFAULT: { allow_anonymous_access: 'true' },
  })
})
after(() => Promise.all([closed.close(), open.close()]))

function enter(caller: string): Headers {
  site = caller === 'nobody' ? open : closed
  return CALLERS[caller] ?? {}
}

function send(method: string, path: string, headers: Headers, body?: unknown): Promise<Response> {
  return site.request(`/v2/images/${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

function patch(id: string, name: string, headers: Headers, value = 'new'): Promise<Response> {
  return patchImage(site, id, [{ op: 'replace', path: `/${name}`, value }], headers)
}

/** An active image with a tag and, where it is shared, two members. */
async function makeImage({ caller, whose, isOwnerless }: Row): Promise<string> {
  const own = CALLERS[caller]?.['X-Project-Id'] ?? 'mine'
  const owner = isOwnerless ? null : whose === 'own' ? own : 'theirs'
  const visibility = ['private', 'public', 'community'].find((known) => known === whose) ?? 'shared'
  const attributes = { ...BARE_RAW, visibility, owner, tags: ['old'] }
  const { id } = await createImage(site, attributes, ADMIN)
  await uploadData(site, id, bytesOf('data'), ADMIN)
  if (visibility === 'shared') await shareImage(site, id, THIRD, 'pending')
  if (whose === 'shared') await shareImage(site, id, own, 'pending')
  return id
}

interface Row {
  caller: string
  whose: string
  isOwnerless: boolean
  cells: string[]
}

function rowsOf(table: string, named: number): { columns: string[]; rows: Row[] } {
  const [head = '', ...lines] = table.trim().split('\n')
  const isOwnerless = table === OWNERLESS_TABLE
  const rows = lines.map((line) => {
    const [caller = '', whose = '', ...rest] = line.split(/\s+/)
    return { caller, whose, isOwnerless, cells: named === 1 ? [whose, ...rest] : rest }
  })
  return { columns: head.trim().split(/\s+/), rows }
}

async function requireAsTold(columns: string[], row: Row): Promise<void> {
  assert.deepEqual(columns, Object.keys(USES))
  const headers = enter(row.caller)
  const statuses: string[] = []
  let id = await makeImage(row)
  for (const use of Object.values(USES)) {
    const response = await use(id, headers)
    statuses.push(String(response.status))
    if (response.ok) id = await makeImage(row)
  }
  assert.deepEqual(labelled(columns, statuses), labelled(columns, row.cells))
}

describe('an image may be used', () => {
  const { columns, rows } = rowsOf(TABLE, 2)
  for (const row of rows) {
    it(`as the table says by ${row.caller}: ${row.whose}`, () => requireAsTold(columns, row))
  }
})

describe('an image without an owner may be used', () => {
  const { columns, rows } = rowsOf(OWNERLESS_TABLE, 2)
  for (const row of rows) {
    it(`as the table says by ${row.caller}: ${row.whose}`, () => requireAsTold(columns, row))
  }
})

describe('the site may be used', () => {
  const { columns, rows } = rowsOf(SITE_TABLE, 1)
  for (const { caller, cells } of rows) {
    it(`as the table says by ${caller}`, async () => {
      const headers = enter(caller)
      const answers = [
        await site.request('/v2/images', { headers }),
        await postImage(site, { name: 'new' }, headers),
        await postImage(site, { name: 'new', visibility: 'public' }, headers),
        await site.request('/v2/schemas/image', { headers }),
        await site.request('/v2/cache', { headers }),
      ]
      const statuses = answers.map(({ status }) => String(status))
      assert.deepEqual(labelled(columns, statuses), labelled(columns, cells))
    })
  }
})

it('a bad query or body is refused before the role is looked at (400)', async () => {
  const headers = enter('auditor')
  assert.equal((await site.request('/v2/images?limit=x', { headers })).status, 400)
  assert.equal((await postImage(site, { name: 1 }, headers)).status, 400)
})

function labelled(columns: string[], cells: string[]): Record<string, string> {
  return Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? '']))
}
