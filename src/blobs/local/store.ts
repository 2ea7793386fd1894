import type { Release } from '../fs/claims.ts'
import type { ChunkState, LocalChunk } from '../fs/open-files.ts'
import type { ChunkStore } from '../store.ts'

/** Chunks that lie on this machine, as files that may be damaged, and be shared with other processes. */
export interface LocalStore extends ChunkStore {
  /** The chunk's file, for a runtime that can send it faster than through a stream. */
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
