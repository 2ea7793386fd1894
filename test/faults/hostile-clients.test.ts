import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { watchLimits } from '../support/limits.ts'
import { compareDownload, MIB } from '../support/mirrors.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'
import { createRaw, readBack, upload } from './data.ts'

const PROGRAM = fileURLToPath(new URL('./hostile-clients.ts', import.meta.url))
const SIZE = 64 * MIB

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: RunningProcess
/** One that nobody attacks. */
let yardstick: RunningProcess
let image: string

before(async () => {
  folder = await temporaryFolder()
  server = await startOnNode(join(folder.path, 'attacked'))
  yardstick = await startOnNode(join(folder.path, 'yardstick'))
  image = await createRaw(server.url)
  const bytes = randomData(8 * MIB)
  const whole = Buffer.concat(Array.from({ length: SIZE / bytes.length }, () => bytes))
  assert.equal((await upload(server.url, image, whole)).status, 204)
})
after(async () => {
  await Promise.all([server.kill(), yardstick.kill()])
  await folder.remove()
})

/** Starts an attack; `ended` is what it says at its end. */
function attack(name: string) {
  const args = ['--import', 'tsx', PROGRAM, name, server.url, image]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = new Promise<unknown>((resolve, reject) => {
    child.once('close', (code) => {
      if (code === 1) reject(new Error(said))
      else resolve(said === '' ? null : JSON.parse(said))
    })
  })
  return { ended, kill: () => child.kill('SIGKILL') }
}

/** What a client who means well does meanwhile: an upload of three chunks, and its download. */
async function useService(): Promise<void> {
  const bytes = randomData(20 * MIB)
  const id = await createRaw(server.url)
  assert.equal((await upload(server.url, id, bytes)).status, 204)
  const read = await compareDownload(server.url, bytes, { path: `/v2/images/${id}/file` })
  assert.deepEqual(read, { status: 200, right: bytes.length, wrong: false })
}

/** Uses the service in the middle of an attack, which then ends. */
async function useDuring(name: string): Promise<void> {
  const limits = watchLimits(server, yardstick)
  const { kill, ended } = attack(name)
  await setTimeout(1_500)
  await useService()
  kill()
  await ended
  await limits.hold()
  assert.equal((await readBack(server.url, image)).size, SIZE)
}

describe('a server under attack keeps its limits, and serves others,', () => {
  it('while it answers thousands of pipelined requests in turn', async () => {
    const limits = watchLimits(server, yardstick)
    const { ended } = attack('pipelines')
    await setTimeout(500)
    await useService()
    assert.deepEqual(await ended, { answered: 8 })
    await limits.hold()
  })

  it('during pipelined downloads', () => useDuring('pipelined downloads'))

  it('during downloads of which nothing is read', () => useDuring('stalled downloads'))

  it('during requests that do not end', () => useDuring('unfinished requests'))

  it('during uploads that do not end', () => useDuring('unfinished uploads'))

  it('during uploads of a byte now and then', () => useDuring('dripping uploads'))
})
