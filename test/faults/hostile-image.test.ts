import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ATTACKS } from '../blobs/inspect/attacks.ts'
import {
  createImage,
  errorMessage,
  showImage,
  storedChunks,
  uploadData,
} from '../support/images.ts'
import { SMALL_CHUNKS } from '../support/options.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

const DECLARED = [
  { disk_format: 'vmdk', container_format: 'bare' },
  { disk_format: 'raw', container_format: 'bare' },
  { disk_format: 'ami', container_format: 'bare' },
  { disk_format: 'raw', container_format: 'docker' },
  { disk_format: 'vmdk', container_format: 'ovf' },
]

let site: TestSite
before(async () => {
  site = await createTestSite({
    image_format: { require_image_format_match: 'false' },
    ...SMALL_CHUNKS,
  })
})
after(() => site.close())

/** Sends the bytes in pieces, the first of which are too small for any header. */
function inPieces(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      const piece = bytes.slice(at, at + (at < 1024 ? 7 : 100_003))
      at += piece.length
      if (piece.length > 0) controller.enqueue(piece)
      else controller.close()
    },
  })
}

describe('an upload that would lead qemu to another file', () => {
  it('is refused whatever it is declared as, and leaves nothing (415)', async () => {
    for (const declared of DECLARED) {
      const { id } = await createImage(site, declared)
      for (const [name, bytes] of Object.entries(ATTACKS)) {
        const response = await uploadData(site, id, inPieces(bytes))
        const where = `${name} as ${declared.disk_format} in ${declared.container_format}`
        assert.equal(response.status, 415, where)
        assert.match(await errorMessage(response), /^Image failed safety checks: /, where)
      }
      assert.equal((await showImage(site, id)).status, 'queued')
    }
    assert.deepEqual(await storedChunks(site), [])
  })
})
