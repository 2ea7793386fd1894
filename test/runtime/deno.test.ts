import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findDeno, startOnDeno } from '../support/deno.ts'
import { temporaryFolder } from '../support/site.ts'
import { wireSuite } from './wire/suite.ts'

const deno = findDeno()

async function startDeno(command: string, options: Record<string, string>) {
  const folder = await temporaryFolder()
  const { url, stop } = await startOnDeno(command, folder.path, options)
  return {
    url,
    async stop() {
      assert.equal(await stop(), 0)
      await folder.remove()
    },
  }
}

if (deno !== null) wireSuite('Deno', (options) => startDeno(deno, options))
else describe('Deno', () => it('serves', { skip: 'npm has no Deno for this platform' }))
