import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { bodyOf, createNamespace, metadefs, refusal } from '../support/metadefs.ts'
import { TRUSTED } from '../support/options.ts'
import { asCaller, createTestSite, type TestSite } from '../support/site.ts'

let site: TestSite
before(async () => {
  site = await createTestSite(TRUSTED)
})
after(() => site.close())

const admin = asCaller('cloud', 'admin')
const CONTENTS = {
  owner: 'alice',
  properties: { p: { title: 'P', type: 'string' } },
  objects: [{ name: 'o' }],
  tags: [{ name: 't' }],
  resource_type_associations: [{ name: 'OS::R' }],
}
const property = { title: 'P', type: 'string' }

/** Deletions are what a protected namespace refuses. */
type Action = 'read' | 'write' | 'delete'

/** Every route within a namespace: what it does, and its answer to whom nothing is refused. */
const ROUTES: [action: Action, method: string, path: string, status: number, body?: unknown][] = [
  ['read', 'GET', '', 200],
  ['read', 'GET', '/properties', 200],
  ['read', 'GET', '/properties/p', 200],
  ['read', 'GET', '/properties/p?resource_type=OS::R', 200],
  ['read', 'GET', '/objects', 200],
  ['read', 'GET', '/objects/o', 200],
  ['read', 'GET', '/tags', 200],
  ['read', 'GET', '/tags/t', 200],
  ['read', 'GET', '/resource_types', 200],
  ['write', 'POST', '/properties', 201, { name: 'p2', ...property }],
  ['write', 'PUT', '/properties/p', 200, { name: 'p', ...property }],
  ['write', 'POST', '/objects', 201, { name: 'o2' }],
  ['write', 'PUT', '/objects/o', 200, { name: 'o' }],
  ['write', 'POST', '/tags', 201, { tags: [{ name: 't' }] }],
  ['write', 'POST', '/tags/t2', 201],
  ['write', 'PUT', '/tags/t', 200, { name: 't' }],
  ['write', 'POST', '/resource_types', 201, { name: 'OS::R2' }],
  ['delete', 'DELETE', '/properties/p', 204],
  ['delete', 'DELETE', '/properties', 204],
  ['delete', 'DELETE', '/objects/o', 204],
  ['delete', 'DELETE', '/objects', 204],
  ['delete', 'DELETE', '/tags/t', 204],
  ['delete', 'DELETE', '/tags', 204],
  ['delete', 'DELETE', '/resource_types/OS::R', 204],
  ['delete', 'DELETE', '', 204],
]

function withoutProject(roles: string): Record<string, string> {
  const { 'X-Project-Id': _, ...headers } = asCaller('', roles)
  return headers
}

type Visibility = 'public' | 'private'

/** What a caller is told of the namespaces of project alice: by action, where it is not the answer of the route. */
type Expected = Record<Visibility, Partial<Record<Action, 403 | 404>>>

const HIDDEN = { read: 404, write: 404, delete: 404 } as const
const SHOWN = { write: 403, delete: 403 } as const

async function assertTable(caller: Record<string, string>, expected: Expected): Promise<void> {
  for (const visibility of ['public', 'private'] as const) {
    for (const isProtected of [false, true]) {
      const attributes = { ...CONTENTS, visibility, protected: isProtected }
      const namespace = await createNamespace(site, attributes, admin)
      for (const [action, method, path, status, body] of ROUTES) {
        const request = { body, headers: caller }
        const answer = await metadefs(site, method, `namespaces/${namespace}${path}`, request)
        const refused = isProtected && action === 'delete' ? 403 : status
        const wanted = expected[visibility][action] ?? refused
        const what = `${method} ${path}, ${visibility}, protected: ${isProtected}`
        assert.equal(answer.status, wanted, `${what}: ${await answer.text()}`)
      }
    }
  }
}

describe('the definitions of a project', () => {
  it('are all open to an administrator, but for what is protected', async () => {
    await assertTable(admin, { public: {}, private: {} })
  })

  it('are shown to a member of the project', async () => {
    await assertTable(asCaller('alice', 'member,reader'), { public: SHOWN, private: SHOWN })
  })

  it('are shown to a reader of the project', async () => {
    await assertTable(asCaller('alice', 'reader'), { public: SHOWN, private: SHOWN })
  })

  it('do not exist for a member of the project who is no reader', async () => {
    await assertTable(asCaller('alice', 'member'), { public: HIDDEN, private: HIDDEN })
  })

  it('are shown to a reader of another project when they are public', async () => {
    await assertTable(asCaller('bob', 'member,reader'), { public: SHOWN, private: HIDDEN })
  })

  it('do not exist for those who have another role only', async () => {
    await assertTable(asCaller('bob', 'auditor'), { public: HIDDEN, private: HIDDEN })
  })

  it('do not exist for an administrator of the whole deployment', async () => {
    const headers = { ...asCaller('', 'admin'), 'Openstack-System-Scope': 'all' }
    await assertTable(headers, { public: HIDDEN, private: HIDDEN })
  })

  it('are not there without an identity (401)', async () => {
    assert.equal((await metadefs(site, 'GET', 'namespaces')).status, 401)
  })
})

describe('the definitions of nobody', () => {
  const statusFor = async (visibility: Visibility, headers: Record<string, string>) => {
    const { owner: _, ...contents } = CONTENTS
    const attributes = { ...contents, visibility }
    const name = await createNamespace(site, attributes, withoutProject('admin'))
    return (await metadefs(site, 'GET', `namespaces/${name}`, { headers })).status
  }

  it('are hidden from those without a project, too, unless they are public (404)', async () => {
    assert.equal(await statusFor('private', withoutProject('reader')), 404)
    assert.equal(await statusFor('private', asCaller('None', 'reader')), 404)
    assert.equal(await statusFor('private', withoutProject('admin')), 200)
    assert.equal(await statusFor('public', withoutProject('reader')), 200)
  })
})

describe('the actions on no namespace', () => {
  const statuses = async (headers: Record<string, string>) => {
    const body = { namespace: `OS::Made::${crypto.randomUUID()}` }
    const answers = [
      await metadefs(site, 'GET', 'namespaces', { headers }),
      await metadefs(site, 'GET', 'resource_types', { headers }),
      await metadefs(site, 'POST', 'namespaces', { headers, body }),
    ]
    return answers.map(({ status }) => status)
  }

  it('are answered by role: list, list of resource types, create', async () => {
    assert.deepEqual(await statuses(admin), [200, 200, 201])
    assert.deepEqual(await statuses(asCaller('alice', 'member,reader')), [200, 200, 403])
    assert.deepEqual(await statuses(asCaller('alice', 'reader')), [200, 200, 403])
    assert.deepEqual(await statuses(asCaller('alice', 'member')), [404, 404, 404])
    assert.deepEqual(await statuses(asCaller('alice', 'auditor')), [404, 404, 404])
  })

  it('are answered by role to one without a project as well', async () => {
    assert.deepEqual(await statuses(withoutProject('reader')), [200, 200, 403])
    assert.deepEqual(await statuses(withoutProject('auditor')), [404, 404, 404])
  })

  it('name the policy that refuses them (403)', async () => {
    const headers = asCaller('alice', 'reader')
    const body = { namespace: 'OS::Refused' }
    assert.deepEqual(await refusal(await metadefs(site, 'POST', 'namespaces', { headers, body })), [
      403,
      'You are not authorized to complete add_metadef_namespace action.',
    ])
  })

  it('list what is public and what is the own (200)', async () => {
    const mine = await createNamespace(site, { owner: 'alice' }, admin)
    const open = await createNamespace(site, { visibility: 'public' }, admin)
    const other = await createNamespace(site, {}, admin)
    const listed = async (headers: Record<string, string>) => {
      const answer = await metadefs(site, 'GET', 'namespaces?limit=500', { headers })
      const { namespaces } = await bodyOf(answer, 200)
      const names = namespaces.map(({ namespace }: { namespace: string }) => namespace)
      return [mine, open, other].filter((name) => names.includes(name))
    }
    assert.deepEqual(await listed(asCaller('alice')), [mine, open])
    assert.deepEqual(await listed(asCaller('bob')), [open])
    assert.deepEqual(await listed(admin), [mine, open, other])
  })

  it('give a new namespace to the project of its maker (201)', async () => {
    const namespace = await createNamespace(site, {}, admin)
    const answer = await metadefs(site, 'GET', `namespaces/${namespace}`, { headers: admin })
    assert.equal((await bodyOf(answer, 200)).owner, 'cloud')
  })
})
