import { randomBytes } from 'node:crypto'
import { sha256 } from '../../src/blobs/digest.ts'

export interface Chunk {
  digest: string
  bytes: Uint8Array
}

export function chunkOf(bytes: Uint8Array): Chunk {
  return { digest: sha256(bytes), bytes }
}

/** A chunk that no other test has. */
export function randomChunk(size: number): Chunk {
  return chunkOf(new Uint8Array(randomBytes(size)))
}

/** All bytes of a stream. */
export async function read(stream: ReadableStream<Uint8Array> | null): Promise<Uint8Array> {
  if (stream === null) throw new Error('There is no stream to read')
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part)
  return new Uint8Array(Buffer.concat(parts))
}

export async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const gathered: T[] = []
  for await (const item of items) gathered.push(item)
  return gathered
}
