import type { ServerResponse } from 'node:http'
import { type OpenBody, type OpenedBody, promiseWithResolver, type Walk } from '../blobs/body.ts'
import type { OpenChunk } from '../blobs/local/store.ts'
import { type Content, type Piece, pieces } from '../blobs/manifest.ts'
import type { Span } from '../blobs/store.ts'
import { HeliostatError } from '../errors.ts'
import {
  type ChunkFiles,
  openShortBody,
  type ShortBody,
  shorterThanItSays,
} from './short-bodies.ts'
import { createTransferBuffers } from './transfer-buffers.ts'

const ZEROS = Buffer.alloc(512 << 10)
const transferBuffers = createTransferBuffers()

interface OpenedPiece {
  piece: Piece
  /** Null for zeros, and where the chunk is missing. */
  chunk: OpenChunk | null
}

interface Job {
  first: IteratorResult<OpenedPiece, void>
  rest: AsyncGenerator<OpenedPiece, void>
  settle(bytes: number): void
}

/**
 * Bodies that go from chunk files to the socket through two reused buffers: 1.5 times as fast as a web stream, at
 * half the CPU.
 */
export interface SocketBodies {
  open: OpenBody
  /** Whether the response has such a body and is being sent, errors included. One that is in memory is left to be sent. */
  send(response: Response, outgoing: ServerResponse): boolean
}

export function createSocketBodies(store: ChunkFiles, walk: Walk = pieces): SocketBodies {
  const jobs = new WeakMap<Response, Job>()
  const shortBodies = new WeakMap<Response, ShortBody>()

  const open: OpenBody = async (manifest, range) => {
    if (transferBuffers.isFull()) throw tooManyTransfers()
    if (transferBuffers.isShort(range.length)) return openShort(manifest, range)
    const rest = openPieces(store, walk(manifest, range))
    const first = await rest.next()
    if (!first.done && isMissing(first.value)) {
      await rest.return()
      return null
    }
    const { promise: sent, resolve: settle } = promiseWithResolver<number>()
    const job = { first, rest, settle }
    return { stream: null, attach: (response) => void jobs.set(response, job), sent }
  }

  async function openShort(manifest: Content, range: Span): Promise<OpenedBody | null> {
    const how = { length: range.length, buffers: transferBuffers }
    const body = await openShortBody(store, walk(manifest, range), how)
    if (!body) return null
    const { bytes, sent } = body
    return { stream: null, bytes, attach: (response) => void shortBodies.set(response, body), sent }
  }

  return {
    open,

    send(response, outgoing) {
      shortBodies.get(response)?.sentBy(outgoing)
      const job = jobs.get(response)
      if (!job) return false
      outgoing.writeHead(response.status, Object.fromEntries(response.headers))
      void transmit(job, outgoing)
      return true
    },
  }
}

function tooManyTransfers(): HeliostatError {
  return new HeliostatError('unavailable', 'Too many downloads are under way: try again soon', {
    headers: { 'Retry-After': '5' },
  })
}

/** Each chunk is let go of when the next piece is asked for. */
async function* openPieces(
  store: ChunkFiles,
  walked: Iterable<Piece>,
): AsyncGenerator<OpenedPiece, void> {
  for (const piece of walked) {
    const chunk = piece.digest === null ? null : await store.openChunk(piece.digest)
    try {
      yield { piece, chunk }
    } finally {
      chunk?.release()
    }
  }
}

const isMissing = ({ piece, chunk }: OpenedPiece) => piece.digest !== null && chunk === null

async function transmit({ first, rest, settle }: Job, outgoing: ServerResponse): Promise<void> {
  const socket = createWriter(outgoing)
  try {
    for (let next = first; !next.done; next = await rest.next()) {
      await sendPiece(next.value, socket)
    }
    await socket.flush()
    outgoing.end()
  } catch (error) {
    // Too late for a status: the length that was announced tells the client that something is missing.
    outgoing.destroy(error instanceof Error ? error : undefined)
  } finally {
    socket.free()
    await rest.return()
    settle(socket.written())
  }
}

async function sendPiece({ piece, chunk }: OpenedPiece, socket: Writer): Promise<void> {
  const { digest, offset, length } = piece
  if (digest === null) return socket.writeZeros(length)
  if (!chunk) throw new Error(`Chunk ${digest} is missing from the store`)
  await socket.writeFrom(chunk, offset, length)
}

/** Fills one buffer while the other is on its way. A buffer is used again only after its write's callback. */
interface Writer {
  writeFrom(chunk: OpenChunk, offset: number, length: number): Promise<void>
  writeZeros(length: number): Promise<void>
  /** Resolves when all that was written has gone out. */
  flush(): Promise<unknown>
  /** Bytes. */
  written(): number
  /** Gives the buffers back. */
  free(): void
}

function createWriter(outgoing: ServerResponse): Writer {
  const part = transferBuffers.begin()
  const buffers: Buffer<ArrayBuffer>[] = []
  const writes: Promise<void>[] = [Promise.resolve(), Promise.resolve()]
  const refusals: ((why: Error) => void)[] = []
  let turn = 0
  let written = 0
  // Node never calls back for a write between the end of the socket and that of the response.
  outgoing.once('close', () => {
    refusals.forEach((refuse) => refuse(new Error('The reader is gone')))
  })

  function write(bytes: Buffer): Promise<void> {
    written += bytes.length
    const done = new Promise<void>((resolve, reject) => {
      refusals[turn] = reject
      outgoing.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
    // Met by the next await of this turn; until then it must not count as unhandled.
    done.catch(() => undefined)
    return done
  }

  async function nextBuffer(size: number): Promise<Buffer<ArrayBuffer>> {
    turn = 1 - turn
    await writes[turn]
    if (size < part) return Buffer.allocUnsafe(size)
    return (buffers[turn] ??= transferBuffers.take(part))
  }

  return {
    async writeFrom(chunk, offset, length) {
      for (let done = 0; done < length;) {
        const buffer = await nextBuffer(Math.min(part, length - done))
        const bytesRead = await chunk.read(buffer, offset + done)
        if (bytesRead === 0) throw shorterThanItSays()
        writes[turn] = write(buffer.subarray(0, bytesRead))
        done += bytesRead
      }
    },
    async writeZeros(length) {
      for (let done = 0; done < length; done += ZEROS.length) {
        turn = 1 - turn
        await writes[turn]
        writes[turn] = write(ZEROS.subarray(0, Math.min(ZEROS.length, length - done)))
      }
    },
    flush: () => Promise.all(writes),
    written: () => written,
    free() {
      transferBuffers.end()
      // A buffer whose write failed may still be in the kernel's hands; such ones are left to the collector.
      void Promise.all(writes).then(
        () => buffers.forEach(transferBuffers.giveBack),
        () => undefined,
      )
    },
  }
}
