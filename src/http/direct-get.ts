import type { Progress } from './deadline.ts'

export interface DirectRequest {
  headers: Record<string, string>
  /** Where the body goes. */
  memory: Uint8Array
  progress: Progress
}

export interface DirectAnswer {
  status: number
  /** The whole body of a 200, in the memory given; null where there is more of it than room, and for any other status. */
  bytes: Uint8Array | null
}

/**
 * A GET whose body goes from the system straight into memory. It knows plain answers only, whose head says how long they
 * are, and resolves with null for any other: then `fetch` has to ask again. A connection that breaks is a `TypeError`,
 * as of `fetch`.
 */
export type DirectGet = (url: string, request: DirectRequest) => Promise<DirectAnswer | null>
