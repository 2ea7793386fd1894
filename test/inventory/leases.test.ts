import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { createImageRepo } from '../../src/images/repo.ts'
import { createUploadRepo } from '../../src/images/upload/rows.ts'
import { newUpload, openTestRegistry, queuedImage, type TestRegistry } from '../support/registry.ts'

const HOUR_MS = 3_600_000

describe('an upload of a machine whose clock is wrong', () => {
  let site: TestRegistry

  beforeEach(async () => {
    site = await openTestRegistry()
  })
  afterEach(async () => {
    mock.timers.reset()
    await site.close()
  })

  for (const ahead of [HOUR_MS, -HOUR_MS]) {
    it(`is not taken for dead by others, ${ahead / HOUR_MS} h ahead`, async () => {
      const uploads = createUploadRepo(site.registry)
      const image = queuedImage()
      await createImageRepo(site.registry).create(image)
      const upload = newUpload(image.id, 'file')
      mock.timers.enable({ apis: ['Date'], now: Date.now() + ahead })
      assert.equal(await uploads.begin(upload, Date.now()), 'begun')
      await uploads.heartbeat(upload)
      assert.equal(await uploads.keep(upload, 0, 'a'.repeat(64)), 'kept')
      mock.timers.reset()
      assert.deepEqual(await uploads.dead(), [])
    })
  }
})
