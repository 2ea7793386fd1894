import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../bench/main.ts', import.meta.url))

async function bench(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code: child.exitCode, stdout, stderr }
}

describe('npm run bench', () => {
  it('names each workload and says what it is', async () => {
    const { code, stdout } = await bench('--list')
    assert.equal(code, 0)
    assert.match(stdout, /^upload {2,}PUT of 1 GiB/m)
  })

  it('refuses a workload that does not exist, and names those that do', async () => {
    const { code, stderr } = await bench('get-1', 'dawnload')
    assert.equal(code, 1)
    assert.match(stderr, /There is no workload "dawnload", wanted one of get-1, get-8, .*growth/)
  })

  it('refuses a number of rounds that is none', async () => {
    const { code, stderr } = await bench('--rounds', '0', '--list')
    assert.equal(code, 1)
    assert.match(stderr, /Wanted a whole number above 0/)
  })
})
