import type { ServerResponse } from 'node:http'
import { promiseWithResolver } from '../blobs/body.ts'
import { type OpenChunk, readFully } from '../blobs/local/store.ts'
import type { Piece } from '../blobs/manifest.ts'
import type { TransferBuffers } from './transfer-buffers.ts'

/** Where the chunks are opened. */
export interface ChunkFiles {
  openChunk(digest: string): Promise<OpenChunk | null>
}

export interface ShortBody {
  bytes: Uint8Array<ArrayBuffer>
  sent: Promise<number>
  /** To be told by whom the bytes are sent, which lie in their memory until then. */
  sentBy(outgoing: ServerResponse): void
}

/**
 * Reads a body that fits one buffer before its answer begins, so that what cannot be read has a status of its own. Null
 * where a chunk is missing.
 */
export async function openShortBody(
  store: ChunkFiles,
  walked: Iterable<Piece>,
  { length, buffers }: { length: number; buffers: TransferBuffers },
): Promise<ShortBody | null> {
  buffers.begin()
  const buffer = buffers.take(buffers.sizeFor(length))
  const bytes = buffer.subarray(0, length)
  let isRead = false
  try {
    isRead = await readPieces(store, walked, bytes)
  } finally {
    if (!isRead) {
      buffers.giveBack(buffer)
      buffers.end()
    }
  }
  if (!isRead) return null
  const { promise: sent, resolve } = promiseWithResolver<number>()
  return {
    bytes,
    sent,
    sentBy(outgoing) {
      const end = () => {
        // Otherwise the kernel may still have it.
        if (outgoing.writableFinished) buffers.giveBack(buffer)
        buffers.end()
        resolve(length)
      }
      if (outgoing.closed) end()
      else outgoing.once('close', end)
    },
  }
}

async function readPieces(
  store: ChunkFiles,
  walked: Iterable<Piece>,
  bytes: Uint8Array,
): Promise<boolean> {
  let position = 0
  for (const { digest, offset, length } of walked) {
    const part = bytes.subarray(position, position + length)
    position += length
    if (digest === null) {
      part.fill(0)
      continue
    }
    const chunk = await store.openChunk(digest)
    if (!chunk) return false
    try {
      if ((await readFully(chunk.read, part, offset)) < length) throw shorterThanItSays()
    } finally {
      chunk.release()
    }
  }
  return true
}

/** A file that has lost its end since it was verified. */
export function shorterThanItSays(): Error {
  return new Error('Chunk file is shorter than its manifest says')
}
