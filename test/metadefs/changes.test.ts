import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { newAssociation, newNamespace } from '../../src/metadefs/new-entry.ts'
import { createMetadefRepo } from '../../src/metadefs/repo.ts'
import { openTestRegistry, type TestRegistry } from '../support/registry.ts'

let site: TestRegistry
before(async () => {
  site = await openTestRegistry()
})
after(() => site.close())

describe('an association', () => {
  it('makes no resource type once its namespace is deleted [409]', async () => {
    const metadefs = createMetadefRepo(site.registry)
    const namespace = newNamespace({ namespace: 'OS::Gone' }, 'admin', Date.now())
    await metadefs.create(namespace)
    await metadefs.delete(namespace)
    const association = newAssociation({ name: 'OS::New' }, Date.now())
    const added = metadefs.add(namespace, 'associations', association)
    await assert.rejects(added, { code: 'conflict' })
    assert.deepEqual(await metadefs.resourceTypes(), [])
  })
})
