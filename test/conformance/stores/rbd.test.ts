import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { ObjectWriting } from '../../../src/blobs/object-store.ts'
import { createRbdStore, type RbdOptions, type RbdStore } from '../../../src/blobs/rbd/store.ts'
import { HeliostatError } from '../../../src/errors.ts'
import { objectStoreContract } from '../../contract/object-store.ts'
import { read } from '../../support/chunks.ts'
import { type Ceph, startCeph } from './ceph.ts'

const run = promisify(execFile)
const PROCESS = join(import.meta.dirname, 'rbd-process.ts')
const MIB = 1 << 20

let ceph: Ceph
let store: RbdStore

before(async () => {
  ceph = await startCeph({ CEPH_MGR: '1' })
})
after(() => ceph?.stop())

beforeEach(() => {
  store = createRbdStore(ceph.options())
})
afterEach(() => store.close())

objectStoreContract('RBD', 'writable', async () => {
  let opened = createRbdStore(ceph.options())
  return {
    get store() {
      return opened
    },
    async restart() {
      await opened.close()
      opened = createRbdStore(ceph.options())
    },
    close: () => opened.close(),
  }
})

function writing(of: RbdStore = store): ObjectWriting {
  assert.ok(of.writing)
  return of.writing
}

async function erase(url: string): Promise<'gone' | 'in-use'> {
  assert.ok(store.delete)
  return store.delete(url)
}

interface Stored {
  id: string
  url: string
  bytes: Uint8Array
}

/** An image of three parts, between which there is nothing. */
async function stored(size = 33 * MIB + 512): Promise<Stored> {
  const id = randomUUID()
  const url = await writing().urlOf(id)
  const writer = await writing().create(url, size)
  const bytes = new Uint8Array(size)
  for (const offset of [0, Math.floor(size / 2), size - 512]) {
    const part = randomBytes(512)
    bytes.set(part, offset)
    await writer.write(offset, part)
  }
  await writer.finish(size)
  return { id, url, bytes }
}

const span = (offset: number, length: number) => ({ offset, length })

async function readAt(url: string, offset: number, length: number): Promise<Uint8Array> {
  return read(await store.get(url, span(offset, length)))
}

const isSame = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0

describe('image of an RBD store', () => {
  it('is what clients of Ceph make of it: a protected snapshot of the same bytes', async () => {
    const { id, url, bytes } = await stored()
    const fsid = await ceph.ceph('fsid')
    assert.equal(url, `rbd://${fsid}/images/${id}/snap`)

    const info = JSON.parse(await ceph.rbd('glance', 'info', '--format=json', `images/${id}@snap`))
    assert.deepEqual([info.order, info.size, info.protected], [23, bytes.length, 'true'])
    assert.ok(info.features.includes('layering'))

    const path = join(ceph.path, 'exported')
    await ceph.rbd('glance', 'export', '--no-progress', `images/${id}@snap`, path)
    assert.ok(isSame(await readFile(path), bytes))
    const disk = `rbd:images/${id}@snap:id=glance:conf=${ceph.conf}`
    const { stdout } = await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', path, disk])
    assert.match(stdout, /Images are identical/)
  })

  it('takes room only for what was written', async () => {
    const { id } = await stored()
    const diff = JSON.parse(await ceph.rbd('glance', 'diff', '--format=json', `images/${id}@snap`))
    const lengths = diff.map(({ length }: { length: string }) => Number(length))
    assert.ok(lengths.length === 3 && lengths.every((length: number) => length <= 8 * MIB))
  })

  it('is found by the short form of its URL', async () => {
    const { id, bytes } = await stored(MIB)
    assert.equal(store.holds(`rbd://${id}`), true)
    assert.ok(isSame(await readAt(`rbd://${id}`, 0, MIB), bytes))
  })

  it('is not looked for in another cluster or pool', async () => {
    const { id, url } = await stored(MIB)
    const foreign = url.replace(/rbd:..[^/]*/, `rbd://${randomUUID()}`)
    const other = createRbdStore(ceph.options())
    await assert.rejects(other.size(foreign), TypeError)
    assert.equal(other.holds(foreign), false)
    await other.close()
    await assert.rejects(store.size(url.replace('/images/', '/vms/')), TypeError)
    for (const name of ['..', '.', 'a%2Fb', 'a@b', 'a%00', '%252e', '-', '']) {
      assert.equal(store.holds(url.replace(id, name)), false)
      assert.equal(store.holds(`rbd://${name}`), false)
    }
  })
})

const CLONE_IN_FIRST_FORMAT = ['clone', '--rbd-default-clone-format=1']
const CLONE_IN_SECOND_FORMAT = ['clone', '--rbd-default-clone-format=2']

async function exported(image: string): Promise<Uint8Array> {
  const path = join(ceph.path, `of-${randomUUID()}`)
  await ceph.rbd('nova', 'export', '--no-progress', image, path)
  return readFile(path)
}

describe('image that clones of the first format stand on', () => {
  it('stays until they are gone, and can be cloned as before', async () => {
    const { id, url, bytes } = await stored()
    await ceph.rbd('nova', ...CLONE_IN_FIRST_FORMAT, `images/${id}@snap`, `vms/${id}`)
    assert.equal(await writing().isInUse(url), true)
    assert.equal(await erase(url), 'in-use')
    assert.ok(isSame(await exported(`vms/${id}`), bytes))
    assert.ok(isSame(await readAt(url, 0, bytes.length), bytes))
    await ceph.rbd('nova', ...CLONE_IN_FIRST_FORMAT, `images/${id}@snap`, `vms/${id}-2`)
    for (const clone of [id, `${id}-2`])
      await ceph.rbd('nova', 'rm', '--no-progress', `vms/${clone}`)
    assert.equal(await writing().isInUse(url), false)
    assert.equal(await erase(url), 'gone')
    assert.equal(await store.size(url), null)
  })
})

describe('image that clones of the second format stand on', () => {
  it('is left to the trash, where they go on reading it', async () => {
    const { id, url, bytes } = await stored()
    await ceph.rbd('nova', ...CLONE_IN_SECOND_FORMAT, `images/${id}@snap`, `vms/${id}`)
    assert.equal(await writing().isInUse(url), false)
    await ceph.rbd('nova', ...CLONE_IN_FIRST_FORMAT, `images/${id}@snap`, `vms/${id}-1`)
    assert.equal(await writing().isInUse(url), true)
    await ceph.rbd('nova', 'rm', '--no-progress', `vms/${id}-1`)

    assert.equal(await erase(url), 'gone')
    assert.equal(await store.size(url), null)
    assert.match(await ceph.rbd('glance', 'trash', 'ls', 'images'), new RegExp(id))
    assert.ok(isSame(await exported(`vms/${id}`), bytes))
    await ceph.rbd('nova', 'rm', '--no-progress', `vms/${id}`)
    await ceph.rbd('glance', 'trash', 'purge', '--no-progress', 'images')
    assert.equal(await ceph.rbd('glance', 'trash', 'ls', 'images'), '')
  })
})

describe('image that another client deletes', () => {
  it('breaks a stream instead of reading as zeros', async () => {
    const { id, url, bytes } = await stored()
    const reader = (await store.get(url, span(0, bytes.length)))?.getReader()
    assert.equal((await reader?.read())?.done, false)
    await ceph.rbd('glance', 'snap', 'unprotect', `images/${id}@snap`)
    await ceph.rbd('glance', 'snap', 'rm', '--no-progress', `images/${id}@snap`)
    await ceph.rbd('glance', 'rm', '--no-progress', `images/${id}`)
    await assert.rejects(async () => reader?.read(), /deleted while it was read/)
  })
})

describe('image that another client has open to write', () => {
  it('stays as it is until that has closed it', async () => {
    const { id, url, bytes } = await stored()
    const args = ['--conf', ceph.conf, '--id', 'glance', 'watch', `images/${id}`]
    const watcher = spawn('rbd', args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const exit = once(watcher, 'exit')
    await once(watcher.stdout, 'data')
    const erased = erase(url)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    assert.ok(isSame(await readAt(url, 0, bytes.length), bytes))
    watcher.stdin.end('\n')
    await exit
    assert.equal(await erased, 'gone')
    assert.equal(await store.size(url), null)
  })
})

/** Has a process write that is killed when it has written something, so many milliseconds later. */
async function killed(what: 'write' | 'renew', url: string, milliseconds: number): Promise<void> {
  const child = spawn(process.execPath, ['--import', 'tsx', PROCESS, what, ceph.conf, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  await once(child.stdout, 'data')
  await new Promise((resolve) => setTimeout(resolve, milliseconds))
  kill()
  await once(child, 'exit')
  process.off('exit', kill)
}

const someUrls = (count: number) =>
  Promise.all(Array.from({ length: count }, () => writing().urlOf(randomUUID())))

describe('process that was killed', () => {
  it('while it wrote leaves an image that is absent, and that is deleted or written anew', async () => {
    const urls = await someUrls(3)
    await Promise.all(urls.map((url, i) => killed('write', url, i * 50)))
    for (const url of urls) assert.equal(await store.size(url), null)
    const [deleted = '', ...others] = urls
    const bytes = new Uint8Array(randomBytes(MIB))
    await Promise.all([
      erase(deleted).then((state) => assert.equal(state, 'gone')),
      ...others.map(async (url) => {
        const writer = await writing().create(url, MIB)
        await writer.write(0, bytes)
        await writer.finish(MIB)
        assert.ok(isSame(await readAt(url, 0, MIB), bytes))
      }),
    ])
  })

  it('at any moment leaves nothing that cannot be deleted', async () => {
    const urls = await someUrls(4)
    await Promise.all(urls.map((url) => killed('renew', url, Math.random() * 300)))
    assert.deepEqual(
      await Promise.all(urls.map(erase)),
      urls.map(() => 'gone'),
    )
    const images = await ceph.rbd('glance', 'ls', 'images')
    const trash = await ceph.rbd('glance', 'trash', 'ls', '--all', 'images')
    const left = urls.filter((url) => `${images} ${trash}`.includes(url.split('/').at(-2) ?? '-'))
    assert.deepEqual(left, [])
  })
})

describe('cluster that does not answer', () => {
  it('fails what is asked within the time set, and is used again when it answers', async () => {
    const { url, bytes } = await stored()
    const impatient = createRbdStore(ceph.options({ rados_connect_timeout: 2 }))
    const begun = await writing(impatient).create(await writing().urlOf(randomUUID()), MIB)
    const known = await impatient.get(url, span(0, bytes.length))
    const reader = known?.getReader()
    await reader?.read()
    await ceph.signalOsd('SIGSTOP')
    const since = Date.now()
    try {
      await Promise.all([
        assert.rejects(begun.write(0, new Uint8Array(MIB).fill(1)), /ETIMEDOUT/),
        assert.rejects(async () => reader?.read(), /ETIMEDOUT/),
        assert.rejects(impatient.check(), /Ceph/),
        ...Array.from({ length: 20 }, () =>
          assert.rejects(readWhole(impatient, url, bytes.length), /Ceph/),
        ),
      ])
    } finally {
      await ceph.signalOsd('SIGCONT')
    }
    const took = Date.now() - since
    assert.ok(took < 10_000, `It took ${took} ms`)
    assert.ok(isSame(await readWhole(impatient, url, bytes.length), bytes))
    await begun.abort()
    await impatient.close()
  })

  const readWhole = async (from: RbdStore, url: string, length: number) =>
    read(await from.get(url, span(0, length)))
})

describe('store that is not set up well', () => {
  const cases: [string, Partial<RbdOptions>, RegExp][] = [
    ['pool', { rbd_store_pool: 'nowhere' }, /"nowhere" of Ceph.*ENOENT/],
    ['user', { rbd_store_user: 'nobody' }, /connect as "client.nobody"/],
    [
      'configuration',
      { rbd_store_ceph_conf: '/nowhere/ceph.conf' },
      /\/nowhere\/ceph\.conf.*ENOENT/,
    ],
    ['permission', { rbd_store_user: 'nova' }, /EPERM/],
  ]
  for (const [what, options, message] of cases) {
    it(`says so of its ${what} when it is asked, and not before`, async () => {
      const wrong = createRbdStore(ceph.options(options))
      const url = await writing().urlOf(randomUUID())
      const own = url.replace('/images/', `/${options.rbd_store_pool ?? 'images'}/`)
      await assert.rejects(() => writing(wrong).create(own, 1), message)
      await wrong.close()
    })
  }
})

describe('a gibibyte', () => {
  const roundTrip = async (command: string, args: string[], mebibytes: number) => {
    const all = [...args, PROCESS, 'round-trip', ceph.conf, String(mebibytes)]
    const { stdout } = await run(command, all, { timeout: 60_000 })
    return JSON.parse(stdout) as { written: number; read: number; peak: number }
  }

  it('goes in and out within 300 MB of memory', async (t) => {
    const { written, read, peak } = await roundTrip(process.execPath, ['--import', 'tsx'], 1024)
    t.diagnostic(`written ${written} MB/s, read ${read} MB/s, at most ${peak >> 10} MiB of memory`)
    assert.ok(peak < 300 * 1000, `${peak} kB`)
  })

  it('or less goes in and out on Deno too', async (t) => {
    const deno = join(import.meta.dirname, '../../../node_modules/.bin/deno')
    const { written, read } = await roundTrip(deno, ['run', '-A'], 128)
    t.diagnostic(`written ${written} MB/s, read ${read} MB/s`)
  })
})

describe('small ranges', () => {
  it('read what they touch, whoever else reads', async (t) => {
    const size = 64 * MIB
    const bytes = new Uint8Array(randomBytes(size))
    const url = await writing().urlOf(randomUUID())
    const writer = await writing().create(url, size)
    for (let offset = 0; offset < size; offset += 8 * MIB) {
      await writer.write(offset, bytes.subarray(offset, offset + 8 * MIB))
    }
    await writer.finish(size)
    let left = 4000
    const began = Date.now()
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (left-- > 0) {
          const offset = Math.floor(Math.random() * (size - 4096))
          const got = await readAt(url, offset, 4096)
          assert.ok(isSame(got, bytes.subarray(offset, offset + 4096)))
        }
      }),
    )
    t.diagnostic(`${Math.round(4_000_000 / (Date.now() - began))} ranges a second`)
  })
})

const isTooLarge = (error: unknown) => error instanceof HeliostatError && error.code === 'too-large'

/** Asks every so often, for at most a minute. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await condition());) {
    assert.ok(Date.now() < end, 'It has not come about')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** What part of its room a cluster may use. The steps before the last may not come after it. */
async function setFullRatio(ratio: string): Promise<void> {
  for (const step of ['nearfull', 'backfillfull', 'full']) {
    await ceph.ceph('osd', `set-${step}-ratio`, ratio)
  }
}

describe('cluster without room', () => {
  it('refuses an image that is larger than what is left [413]', async () => {
    await until(async () => (await ceph.ceph('df', '--format=json')).includes('"images"'))
    const url = await writing().urlOf(randomUUID())
    await assert.rejects(() => writing().create(url, 2 ** 40), isTooLarge)
    assert.equal(await erase(url), 'gone')
  })

  it('refuses at once when it is full, and deletes images as soon as it can [413]', async () => {
    const { url } = await stored()
    const begun = await writing().urlOf(randomUUID())
    const writer = await writing().create(begun, null)
    await writer.write(0, new Uint8Array(32 * MIB).fill(1))
    await setFullRatio('0.001')
    await until(async () => /flags \S*\bfull\b/.test(await ceph.ceph('osd', 'dump')))
    const since = Date.now()
    await assert.rejects(() => writer.write(32 * MIB, new Uint8Array(MIB).fill(1)), isTooLarge)
    const next = await writing().urlOf(randomUUID())
    await assert.rejects(() => writing().create(next, null), isTooLarge)
    const took = Date.now() - since
    assert.ok(took < 10_000, `It took ${took} ms`)
    const gone = Promise.all([writer.abort(), erase(url)])
    await setFullRatio('0.95')
    assert.deepEqual(await gone, [undefined, 'gone'])
    assert.equal(await store.size(url), null)
  })
})
