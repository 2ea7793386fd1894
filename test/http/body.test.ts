import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { announcesBody, bodyOf, discard, readLimited } from '../../src/http/body.ts'

interface Source {
  stream: ReadableStream<Uint8Array>
  pulled: number
  cancelled: boolean
}

const MIB = 1024 * 1024

/** Endless chunks of 8 MiB, counted, so that reading on and forgetting to cancel are seen. */
function endlessSource(onCancel: () => void = () => {}): Source {
  const chunk = new Uint8Array(8 * MIB)
  const source: Source = { stream: new ReadableStream(), pulled: 0, cancelled: false }
  source.stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        source.pulled += 1
        controller.enqueue(chunk)
      },
      cancel() {
        source.cancelled = true
        onCancel()
      },
    },
    { highWaterMark: 0 },
  )
  return source
}

function streamOf(...chunks: string[]) {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>({
    start(controller) {
      chunks.forEach((chunk) => controller.enqueue(encoder.encode(chunk)))
      controller.close()
    },
  })
}

describe('readLimited', () => {
  it('joins the chunks', async () => {
    const bytes = await readLimited(streamOf('{"a"', ':', '1}'), 100)
    assert.equal(new TextDecoder().decode(bytes), '{"a":1}')
  })

  it('is empty without a body', async () => {
    assert.deepEqual(await readLimited(null, 100), new Uint8Array())
  })

  it('is empty for an empty body, whatever the limit', async () => {
    assert.deepEqual(await readLimited(streamOf(), 0), new Uint8Array())
  })

  it('reads a body of exactly the limit', async () => {
    assert.equal((await readLimited(streamOf('abc', 'de'), 5)).byteLength, 5)
  })

  it('refuses one byte more, naming the limit (413)', async () => {
    await assert.rejects(readLimited(streamOf('abc', 'def'), 5), {
      status: 413,
      code: 'too-large',
      message: 'Request body is larger than the limit of 5 bytes',
    })
  })

  it('reads on for the sake of its sender, but no more than 64 MiB, and cancels (413)', async () => {
    const source = endlessSource()
    await assert.rejects(readLimited(source.stream, 10), { status: 413 })
    assert.equal(source.pulled, 10)
    assert.equal(source.cancelled, true)
  })

  it('reads a refused body that ends before that to its end (413)', async () => {
    const stream = streamOf('abc', 'def', 'ghi')
    await assert.rejects(readLimited(stream, 5), { status: 413 })
    assert.deepEqual(await stream.getReader().read(), { done: true, value: undefined })
  })

  it('refuses alike when the source fails to cancel (413)', async () => {
    const source = endlessSource(() => {
      throw new Error('connection lost')
    })
    await assert.rejects(readLimited(source.stream, 10), { status: 413 })
    assert.equal(source.cancelled, true)
  })

  it('gives up a body that is not there in time, however it drips (408)', async () => {
    let pulled = 0
    const dripping = new ReadableStream<Uint8Array>({
      async pull(controller) {
        pulled++
        await new Promise((resolve) => setTimeout(resolve, 5))
        controller.enqueue(new Uint8Array(1))
      },
    })
    await assert.rejects(readLimited(dripping, MIB, 50), {
      status: 408,
      message: 'Request body has not come within 0.05 seconds',
      headers: { Connection: 'close' },
    })
    const before = pulled
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.ok(pulled <= before + 1, 'nothing more is read of it')
  })

  it('passes on what the source fails with', async () => {
    const lost = new Error('connection lost')
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(lost)
      },
    })
    await assert.rejects(readLimited(stream, 10), lost)
  })
})

describe('discard', () => {
  it('reads a body to its end', async () => {
    const stream = streamOf('abc', 'def')
    assert.equal(await discard(stream), true)
    assert.deepEqual(await stream.getReader().read(), { done: true, value: undefined })
  })

  it('leaves what comes after 64 MiB', async () => {
    const source = endlessSource()
    assert.equal(await discard(source.stream), false)
    assert.equal(source.pulled, 9)
    assert.equal(source.cancelled, false)
    assert.equal(source.stream.locked, false)
  })

  it('leaves what has not come in time', async () => {
    assert.equal(await discard(new ReadableStream(), 20), false)
  })

  it('leaves a body that somebody else is still waiting for', async () => {
    const stream = new ReadableStream<Uint8Array>()
    void stream.getReader().read()
    assert.equal(await discard(stream), false)
  })

  it('takes a broken body for one without an end', async () => {
    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('connection lost')),
    })
    assert.equal(await discard(broken), false)
  })
})

describe('bodyOf', () => {
  const requestOf = (body: ReadableStream<Uint8Array>, headers = {}) => ({
    headers: new Headers(headers),
    body,
  })
  const expecting = { Expect: '100-Continue' }

  it('is read when it is refused, since its client sends it anyway', async () => {
    const source = endlessSource()
    await bodyOf(requestOf(source.stream)).refuse()
    assert.equal(source.pulled, 9)
  })

  it('is not asked for when it is refused and its client waits', async () => {
    const source = endlessSource()
    await bodyOf(requestOf(source.stream, expecting)).refuse()
    assert.equal(source.pulled, 0)
  })

  it('is read on when it is refused after it was asked for', async () => {
    const source = endlessSource()
    const body = bodyOf(requestOf(source.stream, expecting))
    body.take()
    await body.refuse()
    assert.equal(source.pulled, 9)
  })

  it('is empty for a request without one', async () => {
    const { take } = bodyOf({ headers: new Headers(), body: null })
    assert.deepEqual(await take().getReader().read(), { done: true, value: undefined })
  })
})

describe('announcesBody', () => {
  it('is false without a length', () => {
    assert.equal(announcesBody(new Headers()), false)
  })

  it('is false for a length of zero', () => {
    assert.equal(announcesBody(new Headers({ 'Content-Length': '0' })), false)
  })

  it('is true for a length', () => {
    assert.equal(announcesBody(new Headers({ 'Content-Length': '1' })), true)
  })

  it('is true for a chunked body', () => {
    assert.equal(announcesBody(new Headers({ 'Transfer-Encoding': 'chunked' })), true)
  })

  it('is false for a type alone', () => {
    assert.equal(announcesBody(new Headers({ 'Content-Type': 'application/json' })), false)
  })
})
