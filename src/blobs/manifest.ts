import { z } from 'zod'
import { HASH_ALGORITHMS } from '../../schema/tables.ts'
import type { HashAlgorithm } from './digest.ts'
import { sha256 } from './digest.ts'
import type { Span } from './store.ts'

/** What a blob is made of. It never changes: its own digest is its name. */
export interface Manifest {
  /** Bytes. */
  size: number
  /** Bytes of every chunk but the last. */
  chunkSize: number
  /** MD5 of the whole, hex. */
  checksum: string
  hashAlgorithm: HashAlgorithm
  hashValue: string
  /** SHA-256 of each chunk in order; null stands for a chunk of zeros, which is not stored. */
  chunks: (string | null)[]
}

/** As much of a manifest as is needed to read it. */
export type Content = Pick<Manifest, 'size' | 'chunkSize' | 'chunks'>

/** A span of one chunk. */
export interface Piece extends Span {
  digest: string | null
}

/** The manifest as it is published and named: a JSON document with its keys in a fixed order. */
export function serializeManifest(manifest: Manifest): string {
  return JSON.stringify({
    version: 1,
    size: manifest.size,
    chunk_size: manifest.chunkSize,
    checksum: manifest.checksum,
    os_hash_algo: manifest.hashAlgorithm,
    os_hash_value: manifest.hashValue,
    chunks: manifest.chunks,
  })
}

const manifestDocument = z.object({
  version: z.literal(1),
  size: z.number().int().min(0),
  chunk_size: z.number().int().min(1),
  checksum: z.string(),
  os_hash_algo: z.enum(HASH_ALGORITHMS),
  os_hash_value: z.string(),
  chunks: z.array(
    z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .nullable(),
  ),
})

/** Reads a serialized manifest; throws on anything else. */
export function parseManifest(text: string): Manifest {
  const found = manifestDocument.parse(JSON.parse(text))
  const manifest = {
    size: found.size,
    chunkSize: found.chunk_size,
    checksum: found.checksum,
    hashAlgorithm: found.os_hash_algo,
    hashValue: found.os_hash_value,
    chunks: found.chunks,
  }
  if (manifest.chunks.length === Math.ceil(manifest.size / manifest.chunkSize)) return manifest
  throw new Error(`Manifest has ${manifest.chunks.length} chunks for ${manifest.size} bytes`)
}

/** SHA-256 of the serialized manifest: the blob's name. */
export function manifestDigest(manifest: Manifest): string {
  return sha256(serializeManifest(manifest))
}

/** The pieces of chunks that make up a range of the blob, in order. */
export function* pieces(content: Content, range: Span): Generator<Piece> {
  const { chunkSize, chunks, size } = content
  const end = Math.min(range.offset + range.length, size)
  let offset = range.offset
  while (offset < end) {
    const position = Math.floor(offset / chunkSize)
    const start = position * chunkSize
    const next = Math.min(start + chunkSize, end)
    yield { digest: chunks[position] ?? null, offset: offset - start, length: next - offset }
    offset = next
  }
}
