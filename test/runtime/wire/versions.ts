import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Wire } from './client.ts'

export function describeVersions({ url, send, json }: Wire): void {
  describe('versions', () => {
    it('offers its versions at the root (300)', async () => {
      const response = await send('GET', '/')
      const { versions } = JSON.parse(await response.text())
      assert.equal(response.status, 300)
      assert.equal(response.headers.get('Content-Type'), 'application/json')
      assert.deepEqual(versions[0], {
        id: 'v2.17',
        status: 'CURRENT',
        links: [{ rel: 'self', href: url('/v2/') }],
      })
    })

    it('offers its versions to a client of an older API (300)', async () => {
      const response = await send('GET', '/v1/images')
      assert.equal(response.status, 300)
      assert.equal(JSON.parse(await response.text()).versions.at(-1).id, 'v2.0')
    })

    it('lists its versions (200)', async () => {
      const response = await send('GET', '/versions')
      assert.equal(response.status, 200)
      const { versions } = JSON.parse(await response.text())
      const statuses = versions.map(({ status }: { status: string }) => status)
      assert.equal(statuses.lastIndexOf('CURRENT'), 0)
    })

    it('takes a minor version in the path (200)', async () => {
      const { first } = await json('/v2.9/images?limit=0')
      assert.equal(first, '/v2/images?limit=0')
    })

    it('takes the version from Accept (200)', async () => {
      const { schema } = await json('/images', 'application/vnd.openstack.images-v2')
      assert.equal(schema, '/v2/schemas/images')
    })
  })
}
