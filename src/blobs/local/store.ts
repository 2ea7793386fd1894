/**
 * The ports of a store on this machine, beside those of any store. What its chunks lie in may be damaged, and be shared
 * with other processes.
 */
import { codeOf } from '../../error-code.ts'
import { HeliostatError } from '../../errors.ts'
import type { ChunkStore, OwnedStore, UnfinishedWrites } from '../store.ts'

/** Fills the buffer from a position, as far as the system does so at once, and tells how many bytes there were. */
export type ReadAt = (buffer: Uint8Array, position: number) => Promise<number>

/** A chunk that can be read until it is released. */
export interface OpenChunk {
  read: ReadAt
  /** What it is read from may be closed from then on. Calling it again does nothing. */
  release(): void
}

/** What there is to know of a chunk without reading it. */
export interface ChunkState {
  /** Another one whenever the chunk or what it lies in has changed. */
  stamp: string
  /** Bytes. */
  size: number
}

/** A chunk on this machine. */
export interface LocalChunk extends OpenChunk {
  /** As it was when it was opened. */
  state: ChunkState
}

/** Ends a claim. */
export type Release = () => Promise<void>

/** Chunks that can be looked at, and of which damaged ones can be put aside. */
export interface ChunkFiles {
  /** The chunk, for whoever can send it faster than through a stream; null when it is not there. */
  openChunk(digest: string): Promise<LocalChunk | null>
  /** The state of a chunk, without opening it; null when it is not there. */
  look(digest: string): Promise<ChunkState | null>
  /**
   * Takes a damaged chunk out of the way; it is kept for the time of a sweep, for whoever wants to know why. False where
   * it is gone, or another one has taken its place: `stamp` is that of the damaged one, null where it could not be read.
   */
  quarantine(digest: string, stamp: string | null): Promise<boolean>
  /** Claims the fetching of a chunk among the processes that share the store; null while another one has it. */
  claim(digest: string): Promise<Release | null>
}

/** How the disk is that chunks are written to. */
export interface DiskCondition {
  writable: boolean
  /** Bytes that a user without privileges may still write. */
  free: number
  /** Whether chunks are refused, or are about to be, for want of space. */
  full: boolean
}

/** The store has no room for a chunk. */
export class NoSpaceError extends HeliostatError {}

export interface LocalStore extends ChunkStore, OwnedStore, UnfinishedWrites, ChunkFiles {
  disk(): Promise<DiskCondition>
  /** Says that what was refused for want of room is cleared away: the disk counts as full until there is more than now. */
  givenUp(): Promise<void>
  /** Another process has removed the chunk, or has put it aside: no file of it stays open without need. */
  letGo(digest: string): void
  /** Lets go of everything that is open. */
  close(): void
}

/** Whether an error says that the disk cannot read, which is damage as any other. */
export function isUnreadable(error: unknown): boolean {
  return codeOf(error) === 'EIO'
}

/** Reads from a position until the buffer is full or there is no more, and tells how many bytes there were. */
export async function readFully(readAt: ReadAt, bytes: Uint8Array, position = 0): Promise<number> {
  let done = 0
  while (done < bytes.length) {
    const count = await readAt(bytes.subarray(done), position + done)
    if (count === 0) break
    done += count
  }
  return done
}
