/** Clients that ask with HEAD before they download. Needs Debian's packages. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { BARE_QCOW2, BARE_RAW, createImage, uploadData } from '../support/images.ts'
import { siteAt } from '../support/mirrors.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'

const SIZE = 1024 * 1024
const TIMEOUT_MS = 60_000

const run = promisify(execFile)

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: RunningProcess
before(async () => {
  folder = await temporaryFolder()
  server = await startOnNode(folder.path)
})
after(async () => {
  await server.stop()
  await folder.remove()
})

/** The address of an image's data. */
async function publish(attributes: object, bytes: Uint8Array): Promise<string> {
  const site = siteAt(server.url)
  const { id } = await createImage(site, { ...attributes })
  assert.equal((await uploadData(site, id, Uint8Array.from(bytes))).status, 204)
  return `${server.url}/v2/images/${id}/file`
}

/** What a program writes to both of its outputs. */
async function said(program: string, args: string[]): Promise<string> {
  const { stdout, stderr } = await run(program, args, { timeout: TIMEOUT_MS })
  return stdout + stderr
}

describe('an image is found by the HEAD', () => {
  it('of qemu, which opens it', async () => {
    const raw = await publish(BARE_RAW, randomData(SIZE))
    const told = JSON.parse(await said('qemu-img', ['info', '--output=json', '-f', 'raw', raw]))
    assert.equal(told['virtual-size'], SIZE)
    const path = join(folder.path, 'disk.qcow2')
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', path, '1G'])
    const qcow2 = await publish(BARE_QCOW2, await readFile(path))
    assert.match(await said('qemu-img', ['info', '--output=json', qcow2]), /"format": "qcow2"/)
  })

  it('of curl and wget', async () => {
    const url = await publish(BARE_RAW, randomData(SIZE))
    assert.match(await said('curl', ['-sSfI', url]), new RegExp(`content-length: ${SIZE}`, 'i'))
    assert.match(await said('wget', ['--spider', url]), new RegExp(`Length: ${SIZE}`))
  })
})
