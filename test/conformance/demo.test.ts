import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { temporaryFolder } from '../support/site.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

/** Runs the demo to its end; `stopAt` sends SIGINT as soon as a line has that in it. */
async function runDemo(stopAt: string | null = null) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'scripts/demo.ts'], {
    // In a folder of its own, so that what it leaves behind is seen.
    env: { ...process.env, NODE_NO_WARNINGS: '1', TMPDIR: folder.path },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    if (stopAt !== null && line.includes(stopAt)) child.kill('SIGINT')
  }
  const [code] = await ended
  return { code, story: lines.join('\n') }
}

async function assertNothingIsLeft(): Promise<void> {
  const left = await readdir(folder.path)
  assert.deepEqual(
    left.filter((name) => name.startsWith('heliostat-demo-')),
    [],
  )
  assert.doesNotMatch(
    execFileSync('ps', ['-Ao', 'args'], { encoding: 'utf8' }),
    new RegExp(folder.path),
  )
}

describe('npm run demo', () => {
  it('tells what was moved, and leaves nothing behind', async () => {
    const { code, story } = await runDemo()
    assert.equal(code, 0)
    assert.match(
      story,
      /first time\n {2}north .* origin sent it 32 MiB\n {2}south .* north sent it 32 MiB\n/,
    )
    assert.match(
      story,
      /asked again\n {2}north .* origin sent it 0 MiB\n {2}south .* north sent it 0 MiB\n/,
    )
    assert.match(
      story,
      /The origin is killed\n {2}north .* sent it 0 MiB\n {2}south .* sent it 0 MiB\n/,
    )
    await assertNothingIsLeft()
  })

  it('leaves nothing behind when it is stopped by Ctrl-C (130)', async () => {
    const { code } = await runDemo('goes to the origin')
    assert.equal(code, 130)
    await assertNothingIsLeft()
  })
})
