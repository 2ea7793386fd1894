import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startServer } from '../support/process.ts'
import { temporaryFolder } from '../support/site.ts'
import { wireSuite } from './wire.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

const PLATFORMS: Record<string, string> = {
  'linux x64': 'linux-x64-glibc',
  'linux arm64': 'linux-arm64-glibc',
  'darwin x64': 'darwin-x64',
  'darwin arm64': 'darwin-arm64',
  'win32 x64': 'win32-x64',
  'win32 arm64': 'win32-arm64',
}

/** Deno itself: signals do not get past the wrapper in `node_modules/.bin`. Null where npm has none to install. */
function findDeno(): string | null {
  const { platform, arch } = process
  const name = `@deno/${PLATFORMS[`${platform} ${arch}`]}/package.json`
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(name))
    return join(folder, platform === 'win32' ? 'deno.exe' : 'deno')
  } catch {
    return null
  }
}

const deno = findDeno()

async function startDeno(command: string) {
  const folder = await temporaryFolder()
  const args = ['run', '-A', main, 'serve', '--data-dir', folder.path, '--port', '0']
  const { url, stop } = await startServer(command, args)
  return {
    url,
    async stop() {
      assert.equal(await stop(), 0)
      await folder.remove()
    },
  }
}

if (deno !== null) wireSuite('Deno', () => startDeno(deno))
else describe('Deno', () => it('serves', { skip: 'npm has no Deno for this platform' }))
