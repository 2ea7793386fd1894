import type { Fetch } from '../../http/fetch.ts'
import { answerWithin, type Limit } from '../../http/deadline.ts'
import { HeliostatError } from '../../errors.ts'
import { reasonOf } from '../../reason.ts'
import { sleep } from '../../sleep.ts'

/** How long a server is waited for and how often it is asked; times in milliseconds. */
export interface Patience {
  attempts: number
  /** Before the second attempt; doubles from one to the next, and half of it is left to chance. */
  pause: number
  /** For the head of an answer. */
  head: number
  /** In each of these, so many bytes of its body have to come. */
  idle: number
  least: number
}

/** Short enough for a reader who may have the bytes from another store. */
export const PATIENCE: Patience = {
  attempts: 4,
  pause: 250,
  head: 20_000,
  idle: 20_000,
  least: 160 << 10,
}

/** What may be well a moment later: no connection, no answer in time, an overloaded server. */
export class PassingFailure extends Error {
  override readonly name = 'PassingFailure'
}

const MAX_PAUSE = 10_000
/** Not implemented, HTTP version, no room. */
const LASTING = [501, 505, 507]

/** An answer in time. A server that says nothing, or that it cannot now, is a passing failure; `where` names it. */
export async function ask(
  where: string,
  limit: Limit,
  send: (signal: AbortSignal) => ReturnType<Fetch>,
  {
    signal,
    isAnswer,
  }: { signal?: AbortSignal | undefined; isAnswer?: (status: number) => boolean } = {},
): Promise<Response> {
  let response: Response
  try {
    response = await answerWithin(limit, send, signal)
  } catch (error) {
    if (error instanceof HeliostatError) throw error
    throw new PassingFailure(`${where} does not answer: ${reasonOf(error)}`)
  }
  const { status } = response
  if (!isPassing(status) || isAnswer?.(status)) return response
  await response.body?.cancel()
  throw new PassingFailure(`${where} answers ${status}`)
}

function isPassing(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && !LASTING.includes(status))
}

/** Does again what failed in passing, for as long as the signal says nothing. */
export async function attempt<T>(
  { attempts, pause }: Patience,
  work: () => Promise<T>,
  signal: AbortSignal = new AbortController().signal,
): Promise<T> {
  for (let made = 1; ; made++) {
    try {
      return await work()
    } catch (error) {
      if (made >= attempts || !(error instanceof PassingFailure) || signal.aborted) throw error
    }
    await sleep(Math.min(pause * 2 ** (made - 1), MAX_PAUSE) * (0.5 + Math.random() / 2), signal)
  }
}
