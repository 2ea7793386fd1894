import type { Span } from './store.ts'

/**
 * The port of a store where an image lies as one object, in the form that others read too. An object is named by its
 * URL, as Glance writes that; one that the store does not hold is a TypeError. An absent object is null, and so is one
 * that has not been finished; a broken store throws.
 */
export interface ObjectStore {
  /** Whether a URL names an object of this store, by its form alone. */
  holds(url: string): boolean
  /** Bytes; null when there is no such object. */
  size(url: string): Promise<number | null>
  /**
   * The span of the object, within which it must lie: a stream that cannot give all of it errors. Cancelling it frees
   * what it holds.
   */
  get(url: string, span: Span): Promise<ReadableStream<Uint8Array> | null>
  /**
   * Deletes an object, an absent one too; 'in-use' where others stand on it and it stays. Null where we only read.
   */
  delete: ((url: string) => Promise<'gone' | 'in-use'>) | null
  /** Null where we only read. */
  writing: ObjectWriting | null
}

export interface ObjectWriting {
  /** The URL that the object of an image will have. */
  urlOf(imageId: string): Promise<string>
  /** Begins an object in place of one that was broken off; a whole one that is there already is refused [conflict]. */
  create(url: string, size: number | null): Promise<ObjectWriter>
  /** Whether others stand on the object, so that it cannot be deleted. */
  isInUse(url: string): Promise<boolean>
}

/** An object that comes into being. What was not written reads as zeros. */
export interface ObjectWriter {
  /** Several may be under way at once, in any order. The bytes are the caller's again when it resolves. */
  write(offset: number, bytes: Uint8Array): Promise<void>
  /** Makes the object durable, of so many bytes, and never to change again. */
  finish(size: number): Promise<void>
  /** Leaves nothing of it. To be called instead of `finish`, also after a failure of that. */
  abort(): Promise<void>
}
