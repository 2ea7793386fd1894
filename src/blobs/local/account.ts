/** Who keeps account of what is in a store. */
export interface ChunkAccount {
  /** Keeps a chunk until the function returned is called. */
  use(digest: string): () => void
  has(digest: string): boolean
  add(digest: string, size: number): void
  forget(digest: string): void
}
