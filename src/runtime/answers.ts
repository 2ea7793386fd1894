import type { ServerResponse } from 'node:http'
import { errorBody, reasonPhrase } from '../http/error-body.ts'

/** Answers up to this size are not counted. */
const SMALL = 64 << 10
/** What larger ones may take together while their clients read them. */
const MOST = 128 << 20
const RETRY_SECONDS = 5

/**
 * Keeps count of the answers that lie in memory as a whole until their clients have taken them: a client that does not
 * read keeps his for minutes.
 */
export interface Answers {
  /** The answer, which counts until it is out or given up; or a refusal [503] where too much is held already. */
  hold(response: Response, length: number, outgoing: ServerResponse): Response
}

export function createAnswers(): Answers {
  let held = 0
  return {
    hold(response, length, outgoing) {
      // That of HEAD has none, whatever its length.
      if (length <= SMALL || response.body === null) return response
      if (held > 0 && held + length > MOST) return tooMuchHeld()
      held += length
      outgoing.once('close', () => (held -= length))
      return response
    },
  }
}

function tooMuchHeld(): Response {
  const detail = 'Too many large answers wait for their clients to read them: try again soon'
  const { contentType, body } = errorBody('text', 503, reasonPhrase(503), detail)
  const headers = { 'Content-Type': contentType, 'Retry-After': String(RETRY_SECONDS) }
  return new Response(body, { status: 503, headers })
}
