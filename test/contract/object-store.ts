import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { ObjectStore, ObjectWriting } from '../../src/blobs/object-store.ts'
import type { Span } from '../../src/blobs/store.ts'
import { HeliostatError } from '../../src/errors.ts'
import { read } from '../support/chunks.ts'

export interface OpenedObjectStore {
  /** Another one after a restart. */
  readonly store: ObjectStore
  /** Puts an object there as others do who write it, and tells its URL. Only for a store that we cannot write. */
  place?(bytes: Uint8Array): Promise<string>
  /** The URL that an object would have that is not there. Only for a store that we cannot write. */
  absent?(): Promise<string>
  /** URLs that the store does not hold; without it `tricksOn` a URL of its own. */
  foreign?(url: string): string[]
  /** Ends the store as the process ends that has it, in the middle of what it does, and opens it anew. */
  restart(): Promise<void>
  close(): Promise<void>
}

const MIB = 1 << 20
const BIG = 9 * MIB + 17
const HOLE = 20 * MIB

/** What every store of objects does. One store is opened for all tests, each of which has objects of its own. */
export function objectStoreContract(
  name: string,
  kind: 'writable' | 'read-only',
  open: () => Promise<OpenedObjectStore>,
): void {
  describe(`${name} store of objects`, () => {
    let opened: OpenedObjectStore | undefined
    before(async () => {
      opened = await open()
    })
    after(() => opened?.close())
    const subject = (): OpenedObjectStore => {
      assert.ok(opened)
      return opened
    }

    describe('holds', () => testHolds(subject))
    describe('size', () => testSize(subject))
    describe('get', () => testGet(subject))
    describe('several readers', () => testReaders(subject))
    if (kind === 'read-only') {
      describe('read-only', () => testReadOnly(subject))
      return
    }
    describe('writer', () => testWriter(subject))
    describe('writer of unknown size', () => testUnknownSize(subject))
    describe('create', () => testCreate(subject))
    describe('abort', () => testAbort(subject))
    describe('delete', () => testDelete(subject))
    describe('isInUse', () => testInUse(subject))
  })
}

type Subject = () => OpenedObjectStore

/** What may be tried with a URL to be led elsewhere, for a store that holds what lies in one place of one host. */
export function tricksOn(url: string): string[] {
  const [, scheme = '', rest = ''] = /^([^:]+):\/\/(.*)$/.exec(url) ?? []
  const path = rest.slice(rest.indexOf('/'))
  const folder = url.slice(0, url.lastIndexOf('/'))
  return [
    `${scheme}://elsewhere.example${path}`,
    `${scheme}://elsewhere.example@${rest}`,
    `${scheme}://${rest.replace('/', '.elsewhere.example/')}`,
    `${scheme}:${rest}`,
    `${scheme}x://${rest}`,
    `${folder}/..`,
    `${folder}/../x`,
    `${folder}/%2e%2e/x`,
    `${folder}/.%2E/x`,
    `${folder}/%252e%252e`,
    `${folder}/a%2fb`,
    `${folder}/a\\b`,
    `${folder}/`,
    `${url}/more`,
    `${url}#fragment`,
    `${url}%00`,
    `${url}%0a`,
    `${url}%`,
    `${url}%zz`,
    `${url}%ff`,
  ]
}

/** What no store holds, whatever it holds. */
const NOBODYS = [
  '',
  ' ',
  'x',
  '/',
  '//',
  '/etc/passwd',
  'file:///etc/passwd/..',
  'javascript:alert(1)',
  'data:,x',
  '\0',
  'unknown://host/path',
]

async function write(store: ObjectStore, bytes: Uint8Array): Promise<string> {
  const { urlOf, create } = writingOf(store)
  const url = await urlOf(randomUUID())
  const writer = await create(url, bytes.length)
  await writer.write(0, bytes)
  await writer.finish(bytes.length)
  return url
}

function writingOf(store: ObjectStore): ObjectWriting {
  assert.ok(store.writing)
  return store.writing
}

async function remove(store: ObjectStore, url: string): Promise<'gone' | 'in-use'> {
  assert.ok(store.delete)
  return store.delete(url)
}

async function placed(subject: Subject, size: number): Promise<{ url: string; bytes: Uint8Array }> {
  const bytes = new Uint8Array(randomBytes(size))
  const { store, place } = subject()
  return { url: place ? await place(bytes) : await write(store, bytes), bytes }
}

const absentIn = async ({ store, absent }: OpenedObjectStore): Promise<string> =>
  absent ? absent() : writingOf(store).urlOf(randomUUID())

async function readSpan(store: ObjectStore, url: string, span: Span): Promise<Uint8Array> {
  return read(await store.get(url, span))
}

/** Compared as buffers: `deepEqual` takes seconds for some megabytes that differ. */
function assertSame(got: Uint8Array, wanted: Uint8Array): void {
  assert.equal(got.length, wanted.length)
  assert.ok(Buffer.compare(got, wanted) === 0, 'The bytes are others')
}

async function assertHas(store: ObjectStore, url: string, bytes: Uint8Array): Promise<void> {
  assert.equal(await store.size(url), bytes.length)
  assertSame(await readSpan(store, url, { offset: 0, length: bytes.length }), bytes)
}

async function assertAbsent(store: ObjectStore, url: string): Promise<void> {
  assert.equal(await store.size(url), null)
  assert.equal(await store.get(url, { offset: 0, length: 1 }), null)
  assert.equal(await store.get(url, { offset: 0, length: 0 }), null)
}

function testHolds(subject: Subject): void {
  const foreign = async () => {
    const { url } = await placed(subject, 10)
    return [...NOBODYS, ...(subject().foreign ?? tricksOn)(url)]
  }

  it('is true for the URL of an object, there or not', async () => {
    const { url } = await placed(subject, 10)
    assert.equal(subject().store.holds(url), true)
    assert.equal(subject().store.holds(await absentIn(subject())), true)
  })

  it('is false for what lies elsewhere, however it is spelled', async () => {
    const held = (await foreign()).filter((url) => subject().store.holds(url))
    assert.deepEqual(held, [])
  })

  it('is asked by everything that takes a URL', async () => {
    const { store } = subject()
    for (const url of await foreign()) {
      await assert.rejects(() => store.size(url), TypeError)
      await assert.rejects(() => store.get(url, { offset: 0, length: 1 }), TypeError)
      const { delete: erase, writing } = store
      if (erase) await assert.rejects(() => erase(url), TypeError)
      if (!writing) continue
      await assert.rejects(() => writing.create(url, 1), TypeError)
      await assert.rejects(() => writing.isInUse(url), TypeError)
    }
  })
}

function testSize(subject: Subject): void {
  it('is that of the object in bytes', async () => {
    for (const length of [1, 1000, BIG]) {
      const { url } = await placed(subject, length)
      assert.equal(await subject().store.size(url), length)
    }
  })

  it('is null where there is no such object', async () => {
    assert.equal(await subject().store.size(await absentIn(subject())), null)
  })
}

function testGet(subject: Subject): void {
  it('gives the whole object', async () => {
    const { url, bytes } = await placed(subject, BIG)
    await assertHas(subject().store, url, bytes)
  })

  it('gives spans of the start, the middle and the end', async () => {
    const { url, bytes } = await placed(subject, BIG)
    const spans = [
      { offset: 0, length: 1 },
      { offset: 499, length: 2 },
      { offset: MIB - 1, length: 3 * MIB + 2 },
      { offset: 8 * MIB - 3, length: 6 },
      { offset: BIG - 10, length: 10 },
    ]
    for (const span of spans) {
      const wanted = bytes.subarray(span.offset, span.offset + span.length)
      assertSame(await readSpan(subject().store, url, span), wanted)
    }
  })

  it('gives no bytes for a span of none', async () => {
    const { url } = await placed(subject, 10)
    for (const offset of [0, 5, 10]) {
      const bytes = await readSpan(subject().store, url, { offset, length: 0 })
      assert.equal(bytes.length, 0)
    }
  })

  it('is null where there is no such object', async () => {
    await assertAbsent(subject().store, await absentIn(subject()))
  })

  it('breaks a span that reaches past the end, and gives no byte too many before', async () => {
    const { url, bytes } = await placed(subject, 1000)
    const { store } = subject()
    const got: Uint8Array[] = []
    await assert.rejects(async () => {
      const stream = await store.get(url, { offset: 900, length: 101 })
      assert.ok(stream)
      for await (const part of stream) got.push(part)
    })
    const all = Buffer.concat(got)
    assertSame(all, bytes.subarray(900, 900 + all.length))
    await assert.rejects(readSpan(store, url, { offset: 2000, length: 1 }))
  })

  it('can be left before the first byte and in the middle', async () => {
    const { url, bytes } = await placed(subject, BIG)
    const { store } = subject()
    const span = { offset: 0, length: BIG }
    for (let i = 0; i < 20; i++) await (await store.get(url, span))?.cancel()
    for (let i = 0; i < 20; i++) {
      const reader = (await store.get(url, span))?.getReader()
      assert.equal((await reader?.read())?.done, false)
      await reader?.cancel()
    }
    await assertHas(store, url, bytes)
  })

  it('can be left while bytes are on their way', async () => {
    const { url, bytes } = await placed(subject, BIG)
    const reader = (await subject().store.get(url, { offset: 0, length: BIG }))?.getReader()
    const pending = reader?.read()
    await reader?.cancel()
    await pending
    await assertHas(subject().store, url, bytes)
  })
}

function testReaders(subject: Subject): void {
  it('of one object get each their own bytes', async () => {
    const { url, bytes } = await placed(subject, BIG)
    const { store } = subject()
    const spans = Array.from({ length: 24 }, (_, i) => ({
      offset: i * 100_003,
      length: i % 3 === 0 ? BIG - i * 100_003 : 4096,
    }))
    await Promise.all(
      spans.map(async (span) => {
        const wanted = bytes.subarray(span.offset, span.offset + span.length)
        assertSame(await readSpan(store, url, span), wanted)
      }),
    )
  })

  it('of many objects get each their own bytes, one that stands still is not in their way', async () => {
    const objects = []
    for (let i = 0; i < 12; i++) objects.push(await placed(subject, 300_000 + i))
    const { store } = subject()
    const slow = await placed(subject, BIG)
    const still = (await store.get(slow.url, { offset: 0, length: BIG }))?.getReader()
    assert.equal((await still?.read())?.done, false)
    await Promise.all(objects.map(({ url, bytes }) => assertHas(store, url, bytes)))
    await still?.cancel()
  })
}

function testReadOnly(subject: Subject): void {
  it('offers no writing', () => {
    assert.equal(subject().store.writing, null)
  })
}

const isConflict = (error: unknown) => error instanceof HeliostatError && error.code === 'conflict'

async function begin(subject: Subject, size: number | null) {
  const { urlOf, create } = writingOf(subject().store)
  const url = await urlOf(randomUUID())
  return { url, writer: await create(url, size) }
}

function testWriter(subject: Subject): void {
  it('takes parts in any order, several at once', async () => {
    const bytes = new Uint8Array(randomBytes(BIG))
    const { url, writer } = await begin(subject, BIG)
    const offsets = [4, 1, 9, 0, 7, 2, 8, 3, 6, 5].map((part) => part * MIB)
    for (let i = 0; i < offsets.length; i += 5) {
      await Promise.all(
        offsets
          .slice(i, i + 5)
          .map((offset) => writer.write(offset, bytes.subarray(offset, offset + MIB))),
      )
    }
    await writer.finish(BIG)
    await assertHas(subject().store, url, bytes)
  })

  it('has no need of the bytes once a write has resolved', async () => {
    const bytes = new Uint8Array(randomBytes(MIB))
    const { url, writer } = await begin(subject, MIB)
    const reused = bytes.slice()
    await writer.write(0, reused)
    reused.fill(0)
    await writer.finish(MIB)
    await assertHas(subject().store, url, bytes)
  })

  it('takes bytes of shared memory', async () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(1000)).fill(7)
    const { url, writer } = await begin(subject, 1000)
    await writer.write(0, bytes)
    await writer.finish(1000)
    await assertHas(subject().store, url, new Uint8Array(1000).fill(7))
  })

  it('leaves zeros where nothing was written: at the start, between and at the end', async () => {
    const wanted = new Uint8Array(HOLE)
    const part = new Uint8Array(randomBytes(1000))
    const { url, writer } = await begin(subject, HOLE)
    for (const offset of [9 * MIB + 5, 3 * MIB]) {
      wanted.set(part, offset)
      await writer.write(offset, part)
    }
    await writer.finish(HOLE)
    await assertHas(subject().store, url, wanted)
  })

  it('makes an object of zeros, of one byte and of none', async () => {
    for (const size of [HOLE, 1, 0]) {
      const { url, writer } = await begin(subject, size)
      await writer.finish(size)
      await assertHas(subject().store, url, new Uint8Array(size))
    }
  })

  it('shows nothing before it has finished, and all then', async () => {
    const bytes = new Uint8Array(randomBytes(1000))
    const { url, writer } = await begin(subject, 1000)
    await assertAbsent(subject().store, url)
    await writer.write(0, bytes)
    await assertAbsent(subject().store, url)
    await writer.finish(1000)
    await assertHas(subject().store, url, bytes)
  })

  it('is one of several that write at once', async () => {
    const objects = await Promise.all(
      Array.from({ length: 4 }, async (_, i) => {
        const bytes = new Uint8Array(randomBytes(MIB + i))
        return { bytes, url: await write(subject().store, bytes) }
      }),
    )
    for (const { url, bytes } of objects) await assertHas(subject().store, url, bytes)
  })
}

function testUnknownSize(subject: Subject): void {
  it('makes the object as long as it is said at the end', async () => {
    const bytes = new Uint8Array(randomBytes(BIG))
    const { url, writer } = await begin(subject, null)
    for (let offset = 0; offset < BIG; offset += MIB) {
      await writer.write(offset, bytes.subarray(offset, offset + MIB))
    }
    await writer.finish(BIG)
    await assertHas(subject().store, url, bytes)
  })

  it('takes parts in any order, far apart, and leaves zeros elsewhere', async () => {
    const size = 70 * MIB
    const part = new Uint8Array(randomBytes(1000))
    const { url, writer } = await begin(subject, null)
    const offsets = [40 * MIB, 17 * MIB, 5]
    await Promise.all(offsets.map((offset) => writer.write(offset, part)))
    await writer.finish(size)
    const { store } = subject()
    assert.equal(await store.size(url), size)
    for (const offset of offsets) {
      assertSame(await readSpan(store, url, { offset, length: part.length }), part)
    }
    const length = 1000
    const zeros = new Uint8Array(length)
    for (const offset of [17 * MIB - length, 41 * MIB, size - length]) {
      assertSame(await readSpan(store, url, { offset, length }), zeros)
    }
  })

  it('makes an object of none', async () => {
    const { url, writer } = await begin(subject, null)
    await writer.finish(0)
    await assertHas(subject().store, url, new Uint8Array(0))
  })
}

function testCreate(subject: Subject): void {
  it('has one URL for an image, and another for another', async () => {
    const { urlOf } = writingOf(subject().store)
    const id = randomUUID()
    assert.equal(await urlOf(id), await urlOf(id))
    assert.notEqual(await urlOf(id), await urlOf(randomUUID()))
  })

  it('is refused where there is a whole object, which stays [conflict]', async () => {
    const { url, bytes } = await placed(subject, 1000)
    const { create } = writingOf(subject().store)
    await assert.rejects(() => create(url, 5), isConflict)
    await assert.rejects(() => create(url, null), isConflict)
    await assertHas(subject().store, url, bytes)
  })

  it('replaces what a process has left that died while it wrote', async () => {
    const { url, writer } = await begin(subject, BIG)
    await writer.write(0, new Uint8Array(randomBytes(2 * MIB)))
    await subject().restart()
    await assertAbsent(subject().store, url)
    const bytes = new Uint8Array(randomBytes(1000))
    const again = await writingOf(subject().store).create(url, 2000)
    await again.write(500, bytes)
    await again.finish(2000)
    const wanted = new Uint8Array(2000)
    wanted.set(bytes, 500)
    await assertHas(subject().store, url, wanted)
  })

  it('makes an object again that was deleted', async () => {
    const { url } = await placed(subject, 1000)
    assert.equal(await remove(subject().store, url), 'gone')
    const writer = await writingOf(subject().store).create(url, 10)
    await writer.write(0, new Uint8Array(10).fill(3))
    await writer.finish(10)
    await assertHas(subject().store, url, new Uint8Array(10).fill(3))
  })
}

function testAbort(subject: Subject): void {
  it('leaves nothing of it, so that it can be written anew', async () => {
    for (const size of [BIG, null]) {
      const { url, writer } = await begin(subject, size)
      await writer.write(MIB, new Uint8Array(randomBytes(MIB)))
      await writer.abort()
      await assertAbsent(subject().store, url)
      const again = await writingOf(subject().store).create(url, 5)
      await again.finish(5)
      await assertHas(subject().store, url, new Uint8Array(5))
    }
  })

  it('before anything was written leaves nothing either', async () => {
    const { url, writer } = await begin(subject, 10)
    await writer.abort()
    await assertAbsent(subject().store, url)
  })
}

function testDelete(subject: Subject): void {
  it('makes the object absent, also for who has read it before', async () => {
    const { url, bytes } = await placed(subject, 1000)
    await assertHas(subject().store, url, bytes)
    assert.equal(await remove(subject().store, url), 'gone')
    await assertAbsent(subject().store, url)
  })

  it('of an absent object is no error', async () => {
    const { url } = await placed(subject, 10)
    assert.equal(await remove(subject().store, url), 'gone')
    assert.equal(await remove(subject().store, url), 'gone')
    assert.equal(await remove(subject().store, await absentIn(subject())), 'gone')
  })

  it('takes away what a process has left that died while it wrote', async () => {
    const { url, writer } = await begin(subject, null)
    await writer.write(0, new Uint8Array(randomBytes(MIB)))
    await subject().restart()
    assert.equal(await remove(subject().store, url), 'gone')
    await assertAbsent(subject().store, url)
  })

  it('leaves other objects alone', async () => {
    const stays = await placed(subject, 1000)
    const goes = await placed(subject, 1000)
    assert.equal(await remove(subject().store, goes.url), 'gone')
    await assertHas(subject().store, stays.url, stays.bytes)
  })
}

function testInUse(subject: Subject): void {
  it('is false where nobody stands on it, or it is not there', async () => {
    const { isInUse } = writingOf(subject().store)
    const { url, bytes } = await placed(subject, 1000)
    assert.equal(await isInUse(url), false)
    await assertHas(subject().store, url, bytes)
    assert.equal(await isInUse(await absentIn(subject())), false)
  })
}
