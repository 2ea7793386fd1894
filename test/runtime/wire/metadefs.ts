import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assertEmpty, assertRefused, type Wire } from './client.ts'

export function describeDefinitions({ send, json }: Wire): void {
  describe('metadata definitions', () => {
    const root = '/v2/metadefs/namespaces'
    const namespace = `${root}/OS::Wire`
    const post = (path: string, body: object) =>
      send('POST', path, { body: JSON.stringify(body), headers: { Accept: 'application/json' } })

    it('come with their namespace (201, 409)', async () => {
      const body = {
        namespace: 'OS::Wire',
        properties: { cores: { title: 'Cores', type: 'integer', default: 4 } },
        objects: [{ name: 'Timer', properties: {} }],
        tags: [{ name: 'first' }],
        resource_type_associations: [{ name: 'OS::Glance::Image', prefix: 'hw_' }],
      }
      const response = await post(root, body)
      await response.text()
      assert.equal(response.status, 201)
      assert.match(response.headers.get('Location') ?? '', /\/v2\/metadefs\/namespaces\/OS::Wire$/)
      await assertRefused(await post(root, body), 409, /namespace=OS::Wire already exists/)
    })

    it('are shown, and listed in pages (200)', async () => {
      const shown = await json(`${namespace}?resource_type=OS::Glance::Image`)
      assert.equal(shown.properties.hw_cores.default, '4')
      assert.deepEqual(shown.tags, [{ name: 'first' }])
      const { namespaces, next } = await json(`${root}?limit=1&sort_key=namespace`)
      assert.equal(namespaces[0].resource_type_associations[0].prefix, 'hw_')
      assert.deepEqual((await json(next)).namespaces, [])
    })

    it('are added, and refused under a name that is taken (201, 409)', async () => {
      const object = { name: 'Clock', required: ['a'] }
      const response = await post(`${namespace}/objects`, object)
      assert.deepEqual(JSON.parse(await response.text()).required, ['a'])
      await assertRefused(await post(`${namespace}/objects`, object), 409, /name=Clock already/)
      await assertRefused(
        await post(`${namespace}/tags`, { tags: [{ name: 'b' }, { name: 'b' }] }),
        409,
        /name=b already/,
      )
      const { tags } = await json(`${namespace}/tags`)
      assert.deepEqual(tags, [{ name: 'first' }])
    })

    it('are replaced, and deleted one by one (200, 204)', async () => {
      const body = JSON.stringify({ name: 'cpus', title: 'CPUs', type: 'integer' })
      const response = await send('PUT', `${namespace}/properties/cores`, { body })
      assert.deepEqual(JSON.parse(await response.text()), JSON.parse(body))
      await assertEmpty(await send('DELETE', `${namespace}/properties/cpus`), 204)
      await assertRefused(await send('DELETE', `${namespace}/properties/cpus`), 404, /cpus/)
      await assertEmpty(await send('DELETE', `${namespace}/resource_types/OS::Glance::Image`), 204)
    })

    it('go with their namespace, but not the resource types (204)', async () => {
      await assertEmpty(await send('DELETE', namespace), 204)
      await assertRefused(await send('GET', namespace), 404, /namespace=OS::Wire was not found/)
      const { resource_types } = await json('/v2/metadefs/resource_types')
      assert.equal(resource_types[0].name, 'OS::Glance::Image')
    })

    it('have schemas (200)', async () => {
      assert.equal(
        (await json('/v2/schemas/metadefs/resource_types')).name,
        'resource_type_associations',
      )
    })
  })
}
