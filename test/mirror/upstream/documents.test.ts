import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readLines, readText } from '../../../src/mirror/upstream/documents.ts'

/** A body that comes in pieces of so many bytes, and whether it was cancelled. */
function bodyOf(text: string, pieceBytes = text.length) {
  const bytes = new TextEncoder().encode(text)
  const found = { cancelled: false, body: new ReadableStream<Uint8Array<ArrayBuffer>>() }
  let sent = 0
  found.body = new ReadableStream({
    pull(controller) {
      if (sent >= bytes.length) return controller.close()
      controller.enqueue(bytes.slice(sent, sent + pieceBytes))
      sent += pieceBytes
    },
    cancel: () => void (found.cancelled = true),
  })
  return found
}

async function linesOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  limit: number,
): Promise<string[]> {
  const lines: string[] = []
  for await (const { text } of readLines(body, limit)) lines.push(text)
  return lines
}

describe('the lines of a body', () => {
  it('are the same however they come', async () => {
    const lines = ['', 'ä€😀', 'x'.repeat(20_000), '{}', '']
    const text = lines.map((line) => `${line}\n`).join('')
    for (const pieceBytes of [1, 2, 3, 7, 65_536, 1 << 20]) {
      assert.deepEqual(await linesOf(bodyOf(text, pieceBytes).body, 1 << 20), lines)
    }
  })

  it('have a limit each, at which the body is cancelled', async () => {
    const within = `${'x'.repeat(1000)}\n`.repeat(10)
    assert.equal((await linesOf(bodyOf(within, 100).body, 1000)).length, 10)
    const endless = bodyOf(`${within}${'x'.repeat(10_000)}`, 100)
    await assert.rejects(linesOf(endless.body, 1000), /^Error: sends more than 1000 bytes in one$/)
    assert.ok(endless.cancelled)
  })

  it('take no more work or memory for coming byte by byte', async () => {
    const before = process.memoryUsage().rss
    const started = performance.now()
    const [line] = await linesOf(bodyOf(`${'x'.repeat(256 << 10)}\n`, 1).body, 1 << 20)
    assert.equal(line?.length, 256 << 10)
    assert.ok(performance.now() - started < 30_000)
    assert.ok(process.memoryUsage().rss - before < 400e6)
  })

  it('are cancelled by a reader who leaves', async () => {
    const left = bodyOf('a\nb\nc\n', 2)
    for await (const { text } of readLines(left.body, 10)) {
      assert.equal(text, 'a')
      break
    }
    assert.ok(left.cancelled)
  })

  it('end with a line end, or are broken off', async () => {
    await assert.rejects(linesOf(bodyOf('a\nb').body, 10), /ends in the middle of a record/)
  })
})

describe('a document', () => {
  it('is read up to its limit, and cancelled beyond', async () => {
    assert.equal(await readText(bodyOf('x'.repeat(1000), 10).body, 1000), 'x'.repeat(1000))
    const longer = bodyOf('x'.repeat(2000), 10)
    await assert.rejects(readText(longer.body, 1000), /sends more than 1000 bytes/)
    assert.ok(longer.cancelled)
    assert.equal(await readText(null, 10), '')
  })
})
