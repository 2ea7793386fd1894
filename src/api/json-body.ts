import { exceededBound } from '../bounded-json.ts'
import { HeliostatError } from '../errors.ts'
import { readLimited } from '../http/body.ts'

/** Enough for all properties that an image may have, each of their characters escaped. */
const MAX_JSON_BYTES = 10 * 1024 * 1024
/** For what names one thing, such as a member. */
export const SMALL_JSON_BYTES = 64 * 1024
/** For a definition, whose namespace may hold many. */
export const DEFINITION_BYTES = 1024 * 1024
const MAX_MS = 60_000
/**
 * Far more levels than any document of the API needs, since what reads one may call itself for each, and more values
 * than 10,000 operations of a PATCH have, since each takes time and memory, however short it is.
 */
const BOUNDS = { values: 50_000, width: 50_000, depth: 100 }

/** The object or list that a request carries, whatever its Content-Type says. */
export async function readJson(request: Request, limit = MAX_JSON_BYTES): Promise<unknown> {
  const bytes = await readLimited(request.body, limit, MAX_MS)
  if (bytes.length === 0) throw new HeliostatError('invalid', 'Body expected in request.')
  const value = parse(bytes)
  if (typeof value === 'object' && value !== null) return value
  throw new HeliostatError('invalid', 'Unexpected body type. Expected list/dict.')
}

function parse(bytes: Uint8Array): unknown {
  const text = wellFormed(() => new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  refuseExcess(text)
  return wellFormed(() => JSON.parse(text))
}

function wellFormed<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new HeliostatError('invalid', 'Malformed JSON in request body.', { cause })
  }
}

/** Before anything is made of it: too deep [400], too much [413]. */
function refuseExcess(text: string): void {
  const exceeded = exceededBound(text, BOUNDS)
  if (exceeded === null) return
  if (exceeded === 'depth') {
    const message = `JSON in request body is nested more than ${BOUNDS.depth} levels deep`
    throw new HeliostatError('invalid', message)
  }
  throw new HeliostatError(
    'too-large',
    `JSON in request body has more than ${BOUNDS.values} values, the most that are allowed`,
  )
}
