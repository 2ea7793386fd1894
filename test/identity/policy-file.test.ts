import assert from 'node:assert/strict'
import { rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { configureSync, resetSync } from '@logtape/logtape'
import { createIdentity } from '../../src/identity/caller.ts'
import { loadPolicy } from '../../src/identity/policy-overrides.ts'
import { createImage } from '../support/images.ts'
import { openSiteOn } from '../support/local-site.ts'
import { asCaller, temporaryFolder } from '../support/site.ts'

const load = (text: string, used: string[] = []) => loadPolicy({ file: 'policy.yaml', text }, used)

describe('the rules of a policy file', () => {
  const target = { owner: 'p', visibility: 'private' }
  const holder = (role: string) => createIdentity({ projectId: 'p', roles: [role] })

  it('stand over the defaults, as YAML or as JSON', () => {
    const yaml = load('# Ours\n"get_image": "role:x"\nadd_image: role:y\n')
    const json = load('{"get_image": "role:x", "add_image": "role:y"}')
    for (const { policy } of [yaml, json]) {
      assert.equal(policy.isAllowed('get_image', holder('x'), target), true)
      assert.equal(policy.isAllowed('get_image', holder('reader'), target), false)
      assert.equal(policy.isAllowed('add_image', holder('y'), target), true)
      assert.equal(policy.isAllowed('modify_image', holder('member'), target), true)
    }
  })

  it('are also in force where defaults refer to them', () => {
    const { policy } = load('context_is_admin: "role:cloud_admin"\nmanage_image_cache: "role:ops"')
    assert.equal(policy.isAllowed('delete_image', holder('cloud_admin'), target), true)
    assert.equal(policy.isAllowed('delete_image', holder('admin'), target), false)
    assert.equal(policy.isAllowed('cache_image', holder('ops'), target), true)
    assert.equal(policy.isAllowed('cache_prune', holder('cloud_admin'), target), false)
  })

  it('may be none', () => {
    for (const text of ['', '# "get_image": "!"\n', '{}']) {
      assert.equal(load(text).policy.isAllowed('get_image', holder('reader'), target), true)
    }
  })

  it('are named in a warning when nothing asks for them', () => {
    const text = 'a: "rule:b"\nb: "@"\nused: "@"\nget_image: "@"'
    assert.deepEqual(load(text, ['used']).warnings, [
      'policy.yaml: rule "a" means nothing here and no other rule refers to it',
    ])
  })

  it('are refused with all that is wrong with them', () => {
    const text = [
      'get_image: "role:"',
      'add_image: "role:x or"',
      'get_images: true',
      'modify_image: [role:x]',
      'delete_image:',
      'upload_image: !',
      'add_member: rule:gone',
      '1: "@"',
    ].join('\n')
    assert.throws(() => load(text), {
      name: 'ConfigError',
      message: [
        'policy.yaml: rule "get_images": got true, wanted a text such as "role:admin"',
        'policy.yaml: rule "modify_image": got ["role:x"], wanted a text such as "role:admin"',
        'policy.yaml: rule "delete_image": got null, wanted a text such as "role:admin"',
        'policy.yaml: rule "upload_image": got ! without quotes, wanted "!"',
        'policy.yaml: got the name "1", wanted text',
        'policy.yaml: rule "add_image": got "role:x or", wanted a check such as role:admin before the end',
        'policy.yaml: rule "add_member": got "rule:gone", wanted a rule that exists for "rule:gone"',
      ].join('\n'),
    })
  })

  it('are refused when they are no YAML, or no map, or name a rule twice', () => {
    const refuses = (text: string, message: RegExp) =>
      assert.throws(() => load(text), { name: 'ConfigError', message })
    refuses('a: "x', /^policy\.yaml: Missing closing "quote at line 1, column 6/)
    refuses('- a', /^policy\.yaml: wanted lines of name: "rule"$/)
    refuses('a: "@"\na: "!"', /^policy\.yaml: Map keys must be unique at line 2, column 1/)
  })
})

describe('a site with a policy file', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let site: Awaited<ReturnType<typeof openSiteOn>>
  let path: string
  let logged: string[]
  let written = 0

  /** Replaces the file; its time says so even on a disk that only knows seconds. */
  async function write(text: string): Promise<void> {
    await writeFile(`${path}.new`, text)
    written += 1
    await utimes(`${path}.new`, written, written)
    await rename(`${path}.new`, path)
  }

  before(async () => {
    folder = await temporaryFolder()
    path = join(folder.path, 'policy.yaml')
    await write('get_images: "role:x"\nodd: "@"\n')
    configureSync({
      sinks: {
        list: ({ level, message }) => logged.push(`${level}: ${message.map(String).join('')}`),
      },
      loggers: [
        { category: ['heliostat', 'policy'], lowestLevel: 'info', sinks: ['list'] },
        { category: ['logtape', 'meta'], lowestLevel: 'error', sinks: ['list'] },
      ],
    })
  })
  beforeEach(async () => {
    logged = []
    site = await openSiteOn(folder.path, { oslo_policy: { policy_file: path } })
  })
  afterEach(() => site.close())
  after(async () => {
    resetSync()
    await folder.remove()
  })

  const list = async (roles: string) =>
    (await site.request('/v2/images', { headers: asCaller('p', roles) })).status

  it('goes by its rules, and logs one that nothing asks for (403)', async () => {
    assert.equal(await list('x'), 200)
    assert.equal(await list('reader'), 403)
    assert.deepEqual(logged, [
      `warning: [oslo_policy] policy_file ${path}: rule "odd" means nothing here and no other rule refers to it`,
    ])
  })

  it('goes by changed rules from the next request on (200)', async () => {
    await write('get_images: "role:y"\n')
    assert.equal(await list('x'), 403)
    assert.equal(await list('y'), 200)
    await write('get_images: "role:x"\n')
    assert.equal(await list('x'), 200)
  })

  it('keeps its rules while the file has mistakes, and logs each change once (200)', async () => {
    logged = []
    await write('get_images: "role:y or"\nadd_image: 1\n')
    assert.equal(await list('x'), 200)
    assert.equal(await list('y'), 403)
    assert.equal(logged.length, 1)
    assert.match(logged[0] ?? '', /^error: Policy file has mistakes, .*add_image.*\n.*get_images/)
    await write('get_images: "role:x"\n')
    assert.equal(await list('y'), 403)
    assert.match(logged[1] ?? '', /^info: .* has changed/)
  })

  it('keeps its rules while the file is gone or empty, and logs it once (200)', async () => {
    logged = []
    await rm(path)
    assert.equal(await list('x'), 200)
    await writeFile(path, '')
    assert.equal(await list('reader'), 403)
    assert.equal(logged.length, 1)
    await write('get_images: "role:x"\n')
    assert.equal(await list('x'), 200)
    assert.equal(logged.length, 2)
  })

  it('can restrict a download by a custom property (403)', async () => {
    await write('download_image: "role:member and not \'1\':%(x_locked)s"\n')
    const own = asCaller('p', 'member,reader')
    const download = async (properties: Record<string, string>) => {
      const { id } = await createImage(site, properties, own)
      return (await site.request(`/v2/images/${id}/file`, { headers: own })).status
    }
    assert.equal(await download({ x_locked: '1' }), 403)
    assert.equal(await download({ x_locked: '0' }), 204)
    assert.equal(await download({}), 204)
    await write('get_images: "role:x"\n')
  })

  it('does not start with mistakes in it, or without it', async () => {
    const open = (policy_file: string) => openSiteOn(folder.path, { oslo_policy: { policy_file } })
    const bad = join(folder.path, 'bad.yaml')
    await writeFile(bad, 'get_image: "rule:x"\n')
    await assert.rejects(open(bad), {
      name: 'ConfigError',
      message: `[oslo_policy] policy_file ${bad}: rule "get_image": got "rule:x", wanted a rule that exists for "rule:x"`,
    })
    await assert.rejects(open(`${bad}.gone`), {
      name: 'ConfigError',
      message: new RegExp(
        `^\\[oslo_policy\\] policy_file ${bad}\\.gone: cannot read it: it is not there$`,
      ),
    })
  })
})
