import assert from 'node:assert/strict'
import { unlinkSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { createOpenFiles, type OpenFile } from '../../../src/blobs/fs/open-files.ts'
import { temporaryFolder } from '../../support/site.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let files: ReturnType<typeof createOpenFiles>

beforeEach(async () => {
  folder = await temporaryFolder()
  files = createOpenFiles(2)
  await Promise.all(['a', 'b', 'c'].map((name) => writeFile(pathOf(name), name)))
})
afterEach(async () => {
  files.close()
  await folder.remove()
})

const pathOf = (name: string) => join(folder.path, name)

async function acquire(name: string): Promise<OpenFile> {
  const file = await files.acquire(pathOf(name))
  assert.ok(file)
  return file
}

/** Opens a file as a reader does that is done at once. */
async function touch(name: string): Promise<OpenFile> {
  const file = await acquire(name)
  file.release()
  return file
}

/** A handle that has been closed has no descriptor. */
const isOpen = ({ handle }: OpenFile) => handle.fd !== -1

describe('acquire', () => {
  it('opens the file once for all its readers', async () => {
    const first = await touch('a')
    const second = await acquire('a')
    assert.equal(first.handle, second.handle)
    assert.equal((await second.handle.read(Buffer.alloc(1), 0, 1, 0)).buffer.toString(), 'a')
    second.release()
  })

  it('is null for an absent file, which may come later', async () => {
    assert.equal(await files.acquire(pathOf('absent')), null)
    await writeFile(pathOf('absent'), 'here')
    await touch('absent')
  })

  it('opens a file anew that was removed, or replaced by another', async () => {
    const first = await touch('a')
    unlinkSync(pathOf('a'))
    assert.equal(await files.acquire(pathOf('a')), null)
    assert.equal(isOpen(first), false)
    writeFileSync(pathOf('a'), 'anew')
    const second = await touch('a')
    assert.equal(second.state.size, 4)
    assert.notEqual(second.state.stamp, first.state.stamp)
  })

  it('throws when the file system does', async () => {
    await assert.rejects(files.acquire(join(pathOf('a'), 'below a file')), { code: 'ENOTDIR' })
  })

  it('gives each of two readers at once a file that it may read', async () => {
    const [first, second] = await Promise.all([acquire('a'), acquire('a')])
    assert.ok(isOpen(first) && isOpen(second))
    first.release()
    second.release()
    files.close()
    assert.ok(!isOpen(first) && !isOpen(second))
  })
})

describe('eviction', () => {
  it('closes the file that was least recently read', async () => {
    const a = await touch('a')
    const b = await touch('b')
    await touch('a')
    const c = await touch('c')
    assert.deepEqual([a, b, c].map(isOpen), [true, false, true])
  })

  it('waits for the last reader', async () => {
    const [first, second] = [await acquire('a'), await acquire('a')]
    files.evict(pathOf('a'))
    first.release()
    assert.ok(isOpen(second))
    second.release()
    assert.ok(!isOpen(second))
  })

  it('makes the next reader open the file again', async () => {
    const evicted = await acquire('a')
    files.evict(pathOf('a'))
    const next = await acquire('a')
    assert.notEqual(next.handle, evicted.handle)
    evicted.release()
    assert.ok(isOpen(next))
    next.release()
  })

  it('while the file is being opened makes it be opened again', async () => {
    const opening = acquire('a')
    // The thread that opens it is done by then, and this one does not know yet.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    unlinkSync(pathOf('a'))
    writeFileSync(pathOf('a'), 'A')
    files.evict(pathOf('a'))
    for (const file of [await opening, await acquire('a')]) {
      assert.equal((await file.handle.read(Buffer.alloc(1), 0, 1, 0)).buffer.toString(), 'A')
      file.release()
    }
  })

  it('of a file that is not open does nothing', () => {
    files.evict(pathOf('absent'))
  })
})

describe('a file that nobody reads', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }))
  afterEach(() => mock.timers.reset())

  it('is closed after seconds, so that one which another process removes gives its room back', async () => {
    const [idle, again] = [await touch('a'), await touch('b')]
    mock.timers.tick(5_000)
    await touch('b')
    mock.timers.tick(5_000)
    assert.deepEqual([idle, again].map(isOpen), [false, true])
    mock.timers.tick(5_000)
    assert.ok(!isOpen(again))
    const anew = await touch('a')
    mock.timers.tick(10_000)
    assert.ok(!isOpen(anew))
  })

  it('stays open for a reader that takes longer', async () => {
    const busy = await acquire('a')
    mock.timers.tick(60_000)
    assert.ok(isOpen(busy))
    busy.release()
    mock.timers.tick(10_000)
    assert.ok(!isOpen(busy))
  })
})

describe('release', () => {
  it('counts once, however often a reader calls it', async () => {
    const first = await acquire('a')
    const second = await acquire('a')
    first.release()
    first.release()
    files.evict(pathOf('a'))
    assert.ok(isOpen(second))
    second.release()
    assert.ok(!isOpen(second))
  })
})

describe('close', () => {
  it('closes idle files at once and the others with their last reader', async () => {
    const idle = await touch('a')
    const busy = await acquire('b')
    files.close()
    assert.deepEqual([idle, busy].map(isOpen), [false, true])
    busy.release()
    assert.ok(!isOpen(busy))
  })
})
