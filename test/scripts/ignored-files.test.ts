import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const skip = existsSync(join(root, '.git')) ? false : 'this is no checkout'

describe('what the commands of the README leave in a checkout', () => {
  it('is not offered to be committed', { skip }, async () => {
    const files = [
      'data/registry.db',
      'edge/registry.db',
      'token',
      'tokens',
      'copy.qcow2',
      'heliostat.conf',
    ]
    const { stdout } = await promisify(execFile)('git', ['check-ignore', ...files], { cwd: root })
    assert.deepEqual(stdout.trim().split('\n'), files)
  })
})
