import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { findDeno } from '../support/deno.ts'
import { LAUNCHER } from '../support/launcher.ts'

const deno = findDeno()

/** What is left of a command that cannot start. */
function run(command: string, ...args: string[]) {
  return new Promise<{ code: unknown; stderr: string }>((resolve) => {
    execFile(command, args, (error, _, stderr) => resolve({ code: error?.code, stderr }))
  })
}

describe('heliostat', { concurrency: 2 }, () => {
  it('says so of a Node that is too old (1)', async () => {
    const old = "Object.defineProperty(process, 'versions', { value: { node: '20.9.0' } })"
    const { code, stderr } = await run(
      process.execPath,
      `--import=data:text/javascript,${encodeURIComponent(old)}`,
      LAUNCHER,
    )
    assert.equal(code, 1)
    assert.equal(stderr, 'heliostat: This is Node 20.9.0, wanted 20.11 or newer\n')
  })
})

describe('heliostat on Deno', { skip: deno === null, concurrency: 2 }, () => {
  const onDeno = (...permissions: string[]) =>
    run(deno ?? '', 'run', '--no-prompt', '--allow-read', '--allow-env', ...permissions, LAUNCHER)

  it('names what it may not ask the system for (1)', async () => {
    const { code, stderr } = await onDeno('--allow-ffi', '--allow-sys=hostname,cpus')
    assert.equal(code, 1)
    assert.equal(
      stderr,
      'heliostat: Deno denies networkInterfaces, statfs, uid, gid: ' +
        'start it with --allow-sys=hostname,cpus,networkInterfaces,statfs,uid,gid\n',
    )
  })

  it('names another permission that it lacks (1)', async () => {
    const { code, stderr } = await onDeno('--allow-sys')
    assert.equal(code, 1)
    assert.match(stderr, /^heliostat: Deno denies what the service needs: Requires ffi access to "/)
    assert.match(stderr, /--allow-ffi flag\n$/)
  })
})
