import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Wire } from './client.ts'

export function describeSchemas({ json }: Wire): void {
  describe('schemas', () => {
    it('tell base properties from common custom ones (200)', async () => {
      const { name, properties, additionalProperties } = await json('/v2/schemas/image')
      assert.equal(name, 'image')
      assert.deepEqual(additionalProperties, { type: 'string' })
      assert.equal(properties.status.readOnly, true)
      assert.equal(properties.name.is_base, undefined)
      assert.equal(properties.os_distro.is_base, false)
    })

    it('describe a list by the same image (200)', async () => {
      const { name, properties } = await json('/v2/schemas/images')
      assert.equal(name, 'images')
      assert.deepEqual(properties.images.items, await json('/v2/schemas/image'))
    })
  })
}
