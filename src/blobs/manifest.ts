import { z } from 'zod'
import { describeIssue } from '../../schema/describe-issue.ts'
import { HASH_ALGORITHMS } from '../../schema/hash-algorithms.ts'
import { parseBounded } from '../bounded-json.ts'
import { reasonOf } from '../reason.ts'
import type { HashAlgorithm } from './digest.ts'
import { sha256 } from './digest.ts'
import { isDigest, type Span } from './store.ts'

/** What a blob is made of. It never changes: its own digest is its name. */
export interface Manifest {
  /** Bytes. */
  size: number
  /** Bytes of every chunk but the last. */
  chunkSize: number
  /** MD5 of the whole, hex; null where the site that took it in had none. */
  checksum: string | null
  hashAlgorithm: HashAlgorithm
  hashValue: string
  /** SHA-256 of each chunk in order; null stands for a chunk of zeros, which is not stored. */
  chunks: (string | null)[]
}

/** As much of a manifest as is needed to read it, and its name where it is that of a blob. */
export type Content = Pick<Manifest, 'size' | 'chunkSize' | 'chunks'> & { blob?: string }

/** A manifest that bears its name. */
export type NamedManifest = Manifest & { blob: string }

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

/** 2 TiB at the usual 8 MiB a chunk: as many as stay in memory when they have been read. */
export const MAX_CHUNKS = 256 * 1024
/** A digest in quotes and its comma for each chunk, and the rest. */
export const MAX_MANIFEST_BYTES = MAX_CHUNKS * 67 + 1024

const MIN_CHUNK_BYTES = 1 << 20
export const MAX_CHUNK_BYTES = 64 << 20

const HEX = /^[0-9a-f]*$/
const CHECKSUM_DIGITS = 32
const HASH_DIGITS: Record<HashAlgorithm, number> = { sha256: 64, sha384: 96, sha512: 128 }

const manifestDocument = z.object({
  version: z.literal(1),
  size: z.number(),
  chunk_size: z.number(),
  checksum: z.string().nullable(),
  os_hash_algo: z.enum(HASH_ALGORITHMS),
  os_hash_value: z.string(),
  // By hand, since there are hundreds of thousands.
  chunks: z.custom<(string | null)[]>(isNameList, 'wanted a list of SHA-256 digests and nulls'),
})

function isNameList(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => name === null || typeof name === 'string')
}

/** Reads a serialized manifest; throws a sentence that says what is wrong with anything else. */
export function parseManifest(text: string): Manifest {
  if (text.length > MAX_MANIFEST_BYTES) throw unsound(`it is longer than ${MAX_MANIFEST_BYTES}`)
  const { data: found, error } = manifestDocument.safeParse(parseText(text))
  if (error) throw unsound(describeIssue(error))
  const manifest = {
    size: found.size,
    chunkSize: found.chunk_size,
    checksum: found.checksum,
    hashAlgorithm: found.os_hash_algo,
    hashValue: found.os_hash_value,
    chunks: found.chunks,
  }
  requireSound(manifest)
  return manifest
}

function parseText(text: string): unknown {
  try {
    return parseBounded(text, { values: MAX_CHUNKS + 16, width: MAX_CHUNKS + 1, depth: 2 })
  } catch (error) {
    throw unsound(reasonOf(error))
  }
}

/** Throws unless a manifest is one that this service can have made, whoever made it. */
export function requireSound(manifest: Manifest): void {
  const { size, chunkSize, chunks, checksum, hashAlgorithm, hashValue } = manifest
  const isPowerOfTwo = Number.isInteger(Math.log2(chunkSize))
  if (!isPowerOfTwo || chunkSize < MIN_CHUNK_BYTES || chunkSize > MAX_CHUNK_BYTES) {
    throw unsound(`chunk_size is ${chunkSize}, wanted a power of two from 1 to 64 MiB`)
  }
  if (!Number.isSafeInteger(size) || size < 0) throw unsound(`size is ${size}, wanted bytes`)
  const count = Math.ceil(size / chunkSize)
  if (count > MAX_CHUNKS) throw unsound(`size is ${size}, wanted at most ${MAX_CHUNKS} chunks`)
  if (chunks.length !== count) {
    throw unsound(`it has ${chunks.length} chunks for ${size} bytes, wanted ${count}`)
  }
  if (checksum !== null) requireHex('checksum', checksum, CHECKSUM_DIGITS)
  requireHex('os_hash_value', hashValue, HASH_DIGITS[hashAlgorithm])
  if (chunks.some((chunk) => chunk !== null && !isDigest(chunk))) {
    throw unsound('a chunk is named by something else than a SHA-256')
  }
  if (isLastAmbiguous(manifest)) throw unsound('its last chunk has two lengths')
}

/** Whether the last chunk, which is shorter, is also one of those before it. */
function isLastAmbiguous({ size, chunkSize, chunks }: Content): boolean {
  const last = chunks.at(-1) ?? null
  return last !== null && size % chunkSize !== 0 && chunks.indexOf(last) < chunks.length - 1
}

function requireHex(name: string, value: string, digits: number): void {
  if (value.length === digits && HEX.test(value)) return
  throw unsound(`${name} is not ${digits} hex digits`)
}

function unsound(what: string): Error {
  return new Error(`Manifest is refused: ${what}`)
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
