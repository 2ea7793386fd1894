/** A part of a chunk, in bytes. */
export interface Span {
  offset: number
  length: number
}

export interface StoredChunk {
  digest: string
  /** When it was stored, milliseconds since 1970 UTC. */
  storedAt: number
}

/**
 * The port of every store: where chunks lie. A chunk is written once under its SHA-256 (64 lower-case hex digits) and never changes, so
 * there is nothing to compare, lock or overwrite. An absent chunk is null; a broken store throws.
 */
export interface ChunkStore {
  /** The chunk or the span of it, which must lie within the chunk. Cancelling the stream frees what it holds. */
  get(digest: string, span?: Span): Promise<ReadableStream<Uint8Array> | null>
  /** Durable when it resolves; a chunk that is already there is left alone, and replaced where it is not whole. */
  put(digest: string, bytes: Uint8Array): Promise<void>
  /** Deleting an absent chunk is no error. */
  delete(digest: string): Promise<void>
  /** Every chunk whose digest sorts after the given one, in order. */
  list(after?: string): AsyncIterable<StoredChunk>
}

/** A store that bears the name of the registry whose chunks it has. */
export interface OwnedStore {
  /** The id of the registry that the chunks belong to; null where none has claimed them. */
  owner(): Promise<string | null>
  setOwner(id: string): Promise<void>
}

/** A store in which a write may be broken off halfway. */
export interface UnfinishedWrites {
  /** Clears away writes that began before the given time (milliseconds) and never ended. */
  removeUnfinished(before: number): Promise<void>
}

/** A store of which it can be asked whether it would serve. */
export interface Reachable {
  /** Throws a sentence for the operator where the store cannot be reached or used. Changes nothing there. */
  check(): Promise<void>
}

const DIGEST = /^[0-9a-f]{64}$/

export function isDigest(name: string): boolean {
  return DIGEST.test(name)
}

/** Keeps anything but a SHA-256 from becoming part of a path or key. */
export function requireDigest(digest: string): string {
  if (!isDigest(digest)) throw new TypeError(`Not a SHA-256 digest: "${digest}"`)
  return digest
}
