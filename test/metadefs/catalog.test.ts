import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type LoadMode, loadNamespace, unloadAll } from '../../src/metadefs/catalog.ts'
import { parseDefinitionFile, toDefinitionFile } from '../../src/metadefs/definition-file.ts'
import { createMetadefRepo } from '../../src/metadefs/repo.ts'
import { FILES } from '../support/definition-files.ts'
import { openTestRegistry, type TestRegistry } from '../support/registry.ts'

const WATCHDOG = 'OS::Compute::Watchdog'

let site: TestRegistry
before(async () => {
  site = await openTestRegistry()
})
after(() => site.close())

const load = (file: unknown, mode: LoadMode = 'skip', { registry } = site) =>
  loadNamespace(registry, parseDefinitionFile(JSON.stringify(file)), mode)

/** What a registry holds, as the files that it would export. */
async function exported({ registry } = site): Promise<Record<string, unknown>[]> {
  const namespaces = await createMetadefRepo(registry).all()
  return namespaces.map((namespace) => JSON.parse(toDefinitionFile(namespace)))
}

const find = async (name: string) =>
  (await exported()).find(({ namespace }) => namespace === name) ?? {}

describe('definition files', () => {
  it('load, and their export loads to the same elsewhere', async () => {
    for (const file of Object.values(FILES)) assert.equal(await load(file), true)
    const elsewhere = await openTestRegistry()
    for (const file of await exported()) await load(file, 'skip', elsewhere)
    assert.deepEqual(await exported(elsewhere), await exported())
    await elsewhere.close()
  })

  it('keep everything that they say', async () => {
    const given = FILES['software-databases.json']
    assert.deepEqual(await find('OS::Software::DBMS'), { ...given, owner: 'admin', properties: {} })
  })

  it('lose what is null, but for a type', async () => {
    assert.deepEqual(await find('Exported'), {
      namespace: 'Exported',
      display_name: 'Watchdog Behavior',
      visibility: 'private',
      protected: false,
      owner: 'admin',
      resource_type_associations: [{ name: 'OS::Nova::Flavor' }],
      properties: { any: { title: 'Anything', type: null } },
      objects: [{ name: 'o', properties: {} }],
      tags: [],
    })
  })

  it('make protected resource types', async () => {
    const types = await createMetadefRepo(site.registry).resourceTypes()
    assert.deepEqual(
      types.map(({ name, protected: isProtected }) => [name, isProtected]),
      [
        ['OS::Cinder::Volume', true],
        ['OS::Glance::Image', true],
        ['OS::Nova::Flavor', true],
      ],
    )
  })
})

describe('a definition file of a namespace that is there', () => {
  const old = FILES['watchdog.json'].properties
  const file = {
    namespace: WATCHDOG,
    display_name: 'New',
    properties: {
      watchdog_action: { title: 'New', type: 'string' },
      another: { title: 'New', type: 'string' },
    },
    resource_type_associations: [{ name: 'OS::New', prefix: 'new_' }],
  }
  const associations = ({ resource_type_associations }: Record<string, unknown>) =>
    Object(resource_type_associations).map(({ name }: { name: string }) => name)

  it('changes nothing: skip', async () => {
    const before = await exported()
    assert.equal(await load(file), false)
    assert.deepEqual(await exported(), before)
    const types = await createMetadefRepo(site.registry).resourceTypes()
    assert.equal(types.length, 3)
  })

  it('adds what is missing: merge', async () => {
    await load(file, 'merge')
    const found = await find(WATCHDOG)
    assert.equal(found['display_name'], 'Watchdog Behavior')
    assert.deepEqual(found['properties'], { ...old, another: file.properties.another })
    assert.deepEqual(associations(found), ['OS::Glance::Image', 'OS::Cinder::Volume', 'OS::New'])
  })

  it('takes the new of what is there: prefer-new', async () => {
    await load(file, 'prefer-new')
    const found = await find(WATCHDOG)
    assert.equal(found['display_name'], 'New')
    assert.deepEqual(found['properties'], file.properties)
    assert.equal(associations(found).length, 3)
  })

  it('replaces all of it: overwrite', async () => {
    await load(file, 'overwrite')
    assert.deepEqual(await find(WATCHDOG), {
      ...file,
      protected: false,
      owner: 'admin',
      objects: [],
      tags: [],
    })
  })

  it('is refused when it has a name twice, and changes nothing', async () => {
    const before = await exported()
    const tags = [{ name: 'a' }, { name: 'a' }]
    await assert.rejects(load({ ...file, tags }, 'overwrite'), /the same name in namespace=OS::/)
    assert.deepEqual(await exported(), before)
  })
})

describe('a text that is no definition file', () => {
  it('is told where it is wrong', () => {
    const reason = (text: string) => {
      try {
        return parseDefinitionFile(text)
      } catch (error) {
        return String(error)
      }
    }
    assert.match(String(reason('{"namespace":')), /not JSON: /)
    assert.match(String(reason('[]')), /not a namespace of definitions: .*expected object/)
    const property = '{"namespace": "x", "properties": {"a": {"title": "A"}}}'
    assert.match(String(reason(property)), /definitions: properties\.a\.type: /)
  })
})

describe('unloading', () => {
  it('removes all, protected or not', async () => {
    assert.equal(await unloadAll(site.registry), 3)
    assert.deepEqual(await exported(), [])
    assert.deepEqual(await createMetadefRepo(site.registry).resourceTypes(), [])
  })
})
