import type { Fetch } from '../../http/fetch.ts'
import { answerWithin, type Limit } from '../../http/deadline.ts'
import { HeliostatError } from '../../errors.ts'
import { reasonOf } from '../../reason.ts'
import { isPassingStatus, PATIENCE, type Patience, pauseBefore, persist } from './patience.ts'

/** For single files: a VMware server has a number of attempts of its own, however long they take. */
export const FILE_PATIENCE: Patience = {
  ...PATIENCE,
  attempts: 4,
  firstPause: 250,
  total: Infinity,
}

/** What may be well a moment later: no connection, no answer in time, an overloaded server. */
export class PassingFailure extends Error {
  override readonly name = 'PassingFailure'
}

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
  if (!isPassingStatus(status) || isAnswer?.(status)) return response
  await response.body?.cancel()
  throw new PassingFailure(`${where} answers ${status}`)
}

/** Does again what failed in passing, for as long as the signal says nothing. */
export function attempt<T>(
  patience: Patience,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  return persist(work, {
    signal,
    total: patience.total,
    pauseAfter: (error, made) =>
      pauseBefore(made, { isPassing: error instanceof PassingFailure, retryAfter: null }, patience),
  })
}
