/** Bytes that are kept elsewhere than in memory for a while. */
export interface Spooled {
  append(bytes: Uint8Array): Promise<void>
  /** Reads from the beginning, until the buffer is full. */
  readInto(bytes: Uint8Array): Promise<void>
  /** After that nothing of it is left. */
  close(): Promise<void>
}

/** Puts bytes to where more of them may follow. */
export type OpenSpool = (bytes: Uint8Array) => Promise<Spooled>
