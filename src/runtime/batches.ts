import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Changes } from '../registry/database.ts'

/**
 * Begins the requests that one turn of the event loop has brought together, when the turn has read all of them: what one
 * look at the registry tells is then new enough for each.
 */
export function answerInBatches(
  answer: RequestListener,
  { freeze, thaw }: Changes,
): RequestListener {
  let batch: [IncomingMessage, ServerResponse][] = []

  function begin(): void {
    const requests = batch
    batch = []
    freeze()
    for (const [incoming, outgoing] of requests) answer(incoming, outgoing)
  }

  return (incoming, outgoing) => {
    if (batch.length === 0) {
      setImmediate(begin)
      // In the same phase of the loop, after whatever could go on without waiting for anything.
      setImmediate(thaw)
    }
    batch.push([incoming, outgoing])
  }
}
