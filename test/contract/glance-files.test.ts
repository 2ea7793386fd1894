import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createGlanceFiles } from '../../src/blobs/glance/files.ts'
import type { ObjectStore } from '../../src/blobs/object-store.ts'
import type { Reachable } from '../../src/blobs/store.ts'
import { read } from '../support/chunks.ts'
import { temporaryFolder } from '../support/site.ts'
import { objectStoreContract, tricksOn } from './object-store.ts'

objectStoreContract("Glance's files as a", 'read-only', async () => {
  const folder = await temporaryFolder()
  const options = { filesystem_store_datadir: folder.path, filesystem_store_datadirs: [] }
  return {
    store: createGlanceFiles(options),
    place: async (bytes) => place(folder.path, bytes),
    absent: async () => `file://${folder.path}/${randomUUID()}`,
    foreign: (url) => [
      ...tricksOn(url),
      url.replace('//', '//localhost'),
      url.replace(folder.path, '/etc'),
      url.replace(folder.path, `${folder.path}/`),
      url.replace(folder.path, `${folder.path}/.`),
      url.replace(folder.path, `${folder.path}/../${folder.path.split('/').at(-1)}`),
      url.replaceAll('-', ''),
      `${url}\n`,
      `${url}\0`,
    ],
    restart: async () => undefined,
    close: folder.remove,
  }
})

async function place(folder: string, bytes: Uint8Array): Promise<string> {
  const id = randomUUID()
  await writeFile(join(folder, id), bytes)
  return `file://${folder}/${id}`
}

describe("a store of Glance's files", () => {
  const bytes = new Uint8Array(randomBytes(1000))
  const some = { offset: 0, length: 1 }
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let first: string
  let second: string
  let store: ObjectStore & Reachable

  beforeEach(async () => {
    folder = await temporaryFolder()
    first = join(folder.path, 'first')
    second = join(folder.path, 'second')
    await mkdir(first)
    await mkdir(second)
    store = createGlanceFiles({
      filesystem_store_datadir: null,
      filesystem_store_datadirs: [`${first}/:100`, second],
    })
  })
  afterEach(() => folder.remove())

  it('has the files of several folders', async () => {
    for (const each of [first, second]) {
      const url = await place(each, bytes)
      assert.equal(await store.size(url), bytes.length)
      const alias = url.replace('file:', 'filesystem:')
      assert.deepEqual(await read(await store.get(alias, { offset: 0, length: 1000 })), bytes)
    }
    assert.equal(store.holds(await place(folder.path, bytes)), false)
    await store.check()
  })

  it('deletes a file, also one that is not there', async () => {
    const url = await place(first, bytes)
    assert.equal(await store.delete?.(url), 'gone')
    assert.equal(await store.size(url), null)
    assert.equal(await store.delete?.(url), 'gone')
  })

  it('does not say that a file is not there when its folder is not', async () => {
    const url = await place(first, bytes)
    await rename(first, `${first}-unmounted`)
    await assert.rejects(() => store.size(url), { code: 'ENOENT' })
    await assert.rejects(() => store.get(url, some), { code: 'ENOENT' })
    await assert.rejects(async () => store.delete?.(url), { code: 'ENOENT' })
    await assert.rejects(() => store.check(), { code: 'ENOENT' })
  })

  it('follows no link, opens no folder and waits for no pipe', async () => {
    const secret = join(folder.path, 'secret')
    await writeFile(secret, 'secret')
    const [link, below, pipe] = [randomUUID(), randomUUID(), randomUUID()]
    await symlink(secret, join(first, link))
    await mkdir(join(first, below))
    assert.equal(spawnSync('mkfifo', [join(first, pipe)]).status, 0)
    for (const name of [link, below, pipe]) {
      await assert.rejects(() => store.get(`file://${first}/${name}`, some))
      await assert.rejects(() => store.size(`file://${first}/${name}`))
    }
    // Of a link only the link goes.
    assert.equal(await store.delete?.(`file://${first}/${link}`), 'gone')
    assert.ok(existsSync(secret))
  })
})
