import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { serveArguments } from '../support/launcher.ts'
import { startServer } from '../support/process.ts'
import { temporaryFolder } from '../support/site.ts'
import { wireSuite } from './wire/suite.ts'

const launcher = fileURLToPath(new URL('../../src/cli/heliostat.js', import.meta.url))

wireSuite('Node', async (options) => {
  const folder = await temporaryFolder()
  const args = [launcher, ...serveArguments(folder.path)]
  const { url, stop } = await startServer(process.execPath, args, options)
  return {
    url,
    async stop() {
      assert.equal(await stop(), 0)
      await folder.remove()
    },
  }
})
