import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { makeFolders } from '../../src/blobs/fs/durable.ts'
import { loadConfig, type RawConfig } from '../../src/config.ts'
import { ConfigError } from '../../src/errors.ts'
import { whyNot } from '../../src/runtime/file-mistakes.ts'
import { listeningError } from '../../src/runtime/listening.ts'
import { openLocalRegistry } from '../../src/runtime/local-registry.ts'
import { serveOnNode } from '../../src/runtime/node.ts'
import { temporaryFolder } from '../support/site.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

/** The sentence that a start is refused with, which only a ConfigError is. */
async function refusal(start: Promise<unknown>): Promise<string> {
  const error: unknown = await start.then(
    () => null,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof Error)
  assert.equal(error.name, 'ConfigError', error.stack)
  return error.message
}

const opened = (raw: RawConfig) => openLocalRegistry(loadConfig(raw).config)
const openedAt = (data_dir: string) => opened({ heliostat: { data_dir } })

const ELSEWHERE = '. Mend that, or name another folder by --data-dir'

describe('a data directory', () => {
  const cannot = (path: string) => `[heliostat] data_dir: cannot write to the folder "${path}": `

  it('that is a file, or lies below one, is refused', async () => {
    const file = join(folder.path, 'file')
    await writeFile(file, '')
    assert.equal(
      await refusal(openedAt(file)),
      `${cannot(file)}it is a file, wanted a folder${ELSEWHERE}`,
    )
    const below = join(file, 'data')
    assert.equal(
      await refusal(openedAt(below)),
      `${cannot(below)}what stands above it is a file, wanted folders${ELSEWHERE}`,
    )
  })

  it('below /proc is refused, at once', { skip: process.platform !== 'linux' }, async () => {
    const path = '/proc/heliostat/data'
    assert.equal(await refusal(openedAt(path)), `${cannot(path)}it is not there${ELSEWHERE}`)
    await assert.rejects(makeFolders('/proc/heliostat/chunks/ab'), /ENOENT/)
  })

  it('on a read-only file system is refused in words', () => {
    const error = Object.assign(new Error('EROFS: …, mkdir'), { code: 'EROFS' })
    assert.equal(whyNot(error), 'its file system is read-only')
  })

  it('that this user may not make is refused', async () => {
    const closed = join(folder.path, 'closed')
    await mkdir(closed)
    await chmod(closed, 0o555)
    await chmod(folder.path, 0o755)
    const isRoot = process.geteuid?.() === 0
    // Root may write anywhere.
    if (isRoot) process.seteuid?.(65534)
    const told = await refusal(openedAt(join(closed, 'data'))).finally(() => {
      if (isRoot) process.seteuid?.(0)
    })
    assert.match(told, /data": the user with the id \d+ may not: change its owner or its mode\. /)
  })
})

describe('a database file', () => {
  it('that is a folder is refused, as a part of the data directory or named by itself', async () => {
    const path = join(folder.path, 'taken', 'registry.db')
    await mkdir(path, { recursive: true })
    const mistake = `cannot open the database file "${path}": it is a folder, wanted a file`
    assert.equal(
      await refusal(openedAt(join(folder.path, 'taken'))),
      `[heliostat] data_dir: ${mistake}`,
    )
    const connection = `sqlite:///${path}`
    assert.equal(
      await refusal(opened({ database: { connection } })),
      `[database] connection: ${mistake}`,
    )
  })
})

describe('an address to listen on', () => {
  const served = (name: string, DEFAULT: Record<string, string>) =>
    serveOnNode(
      loadConfig({
        DEFAULT,
        heliostat: { data_dir: join(folder.path, name), allow_unauthenticated: 'true' },
      }).config,
    )

  it('that is taken is refused', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const told = await refusal(served('taken-port', { bind_port: String(port) }))
    other.close()
    assert.equal(
      told,
      `[DEFAULT] bind_port: ${port} is taken on 127.0.0.1: ` +
        'stop what listens there, or give another by --port',
    )
  })

  it('that is not of this machine is refused', async () => {
    assert.match(
      await refusal(served('foreign', { bind_host: '192.0.2.7', bind_port: '0' })),
      /^\[DEFAULT\] bind_host: 192\.0\.2\.7 is no address of this machine: give one that is by --host/,
    )
  })

  it('that this user may not listen on is told with what to do', () => {
    const error = Object.assign(new Error('listen EACCES: permission denied'), { code: 'EACCES' })
    const told = listeningError(error, { bind_host: '127.0.0.1', bind_port: 80 })
    assert.ok(told instanceof ConfigError)
    assert.match(
      told.message,
      /^\[DEFAULT\] bind_port: this user may not listen on 80: give one above/,
    )
    const other = new Error('something else')
    assert.equal(listeningError(other, { bind_host: '::1', bind_port: 80 }), other)
  })

  it('that has a name which nobody knows is refused', async () => {
    assert.match(
      await refusal(served('unknown', { bind_host: 'nowhere.invalid', bind_port: '0' })),
      /^\[DEFAULT\] bind_host: "nowhere\.invalid" is no address, and no name that is known here/,
    )
  })
})
