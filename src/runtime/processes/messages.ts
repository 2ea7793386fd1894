/** What passes between the supervisor of several workers and each of them, over the channel that Node gives a child. */
import type { Config } from '../../config.ts'

/** What a worker is among those that serve one site. */
export interface Place {
  /** Another one for each worker that is started. */
  id: number
  /** The same for a worker and for those that take its place. */
  slot: number
  /** Whether it does what is done once for all of them. */
  isLead: boolean
  /** Whether no other worker has the files of the site open. */
  isFirst: boolean
  /** How many serve. */
  count: number
}

/** What a call has led to. */
export type Outcome = { value: unknown } | { error: SentError }

/** An error as it is sent: what a client may be told of it, and why it happened for the log. */
export interface SentError {
  kind: 'nowhere' | 'unreachable' | 'refusal' | 'other'
  code: string
  message: string
  headers: Record<string, string>
  reason: string
}

/** A call of a function that another worker offers, by its name in `calls.ts`. */
export interface Call {
  method: string
  args: unknown[]
}

export type ToWorker =
  | { kind: 'start'; config: Config; place: Place }
  /** To be answered under the same number; null where nobody waits for that. */
  | { kind: 'call'; id: number | null; call: Call }
  | { kind: 'outcome'; id: number; outcome: Outcome }
  | { kind: 'stop' }
  /** All who may need it are done. */
  | { kind: 'close' }
  | { kind: 'reopen-log' }
  /** To be answered as soon as there is time for it. */
  | { kind: 'ping' }

export type FromWorker =
  | { kind: 'loaded' }
  | { kind: 'ready'; url: string }
  /** It has answered all of its requests. */
  | { kind: 'drained' }
  | { kind: 'ask-lead'; id: number; call: Call }
  /** What comes back has an entry for each worker, null for one that did not answer in time. */
  | { kind: 'ask-all'; id: number; call: Call }
  /** `numbers` of all, and what those have counted that cannot be asked. */
  | { kind: 'ask-numbers'; id: number }
  | { kind: 'tell-others'; call: Call }
  | { kind: 'outcome'; id: number; outcome: Outcome }
  | { kind: 'pong' }

export const NO_LEAD: SentError = {
  kind: 'refusal',
  code: 'unavailable',
  message: 'A part of the service is starting again: try again soon',
  headers: { 'Retry-After': '5' },
  reason: 'the lead of the workers has ended',
}
