import assert from 'node:assert/strict'
import { LAUNCHER, serveArguments } from '../support/launcher.ts'
import { startServer } from '../support/process.ts'
import { temporaryFolder } from '../support/site.ts'
import { wireSuite } from './wire/suite.ts'

wireSuite('Node', async (options) => {
  const folder = await temporaryFolder()
  const args = [LAUNCHER, ...serveArguments(folder.path)]
  const { url, stop } = await startServer(process.execPath, args, options)
  return {
    url,
    async stop() {
      assert.equal(await stop(), 0)
      await folder.remove()
    },
  }
})
