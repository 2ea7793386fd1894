import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { FileServer } from '../../support/file-server.ts'
import { BARE_RAW, OCTETS } from '../../support/images.ts'
import { importedImage, importImage } from '../../support/imports.ts'
import { randomData } from '../../support/random-data.ts'
import { assertEmpty, MIB, type Wire } from './client.ts'

export function describeImports(wire: Wire, files: () => FileServer): void {
  const { create, send, download } = wire
  const site = { request: (path: string, init?: RequestInit) => fetch(wire.url(path), init) }

  const bytesOf = async (id: string) => Buffer.from(await (await download(id)).arrayBuffer())

  async function outcome(id: string, asked: unknown) {
    await assertEmpty(await importImage(site, id, asked), 202)
    const { task, image } = await importedImage(site, id)
    assert.deepEqual([task.status, task.message], ['success', ''])
    assert.equal(image.status, 'active')
  }

  describe('an import', () => {
    it('makes an image of what was staged (204, 202)', async () => {
      const { id } = await create(BARE_RAW)
      const bytes = randomData(3 * MIB)
      const staged = send('PUT', `/v2/images/${id}/stage`, { headers: OCTETS, body: bytes })
      await assertEmpty(await staged, 204)
      await outcome(id, 'glance-direct')
      assert.deepEqual(await bytesOf(id), bytes)
    })

    it('makes an image of what lies behind HTTP, unpacked (202)', async () => {
      const bytes = Buffer.concat([randomData(MIB), Buffer.alloc(2 * MIB)])
      for (const sent of [bytes, gzipSync(bytes)]) {
        const { id } = await create(BARE_RAW)
        const uri = files().put(sent)
        await outcome(id, { method: { name: 'web-download', uri } })
        assert.deepEqual(await bytesOf(id), bytes)
      }
    })

    it('of what is not there leaves the image as it was (202)', async () => {
      const { id } = await create(BARE_RAW)
      const uri = `${files().url}/absent`
      const method = { name: 'web-download', uri }
      await assertEmpty(await importImage(site, id, { method }), 202)
      const { task, image } = await importedImage(site, id)
      assert.equal(task.message, `${uri} answers 404: wanted the file`)
      assert.equal(image.status, 'queued')
    })
  })
}
