import { HeliostatError } from '../errors.ts'
import { readLimited } from '../http/body.ts'
import { refuseExcessiveJson } from './json-shape.ts'

/** Enough for all properties that an image may have, each of their characters escaped. */
const MAX_JSON_BYTES = 10 * 1024 * 1024
/** For what names one thing, such as a member. */
export const SMALL_JSON_BYTES = 64 * 1024
/** For a definition, whose namespace may hold many. */
export const DEFINITION_BYTES = 1024 * 1024
const MAX_MS = 60_000

/** The object or list that a request carries, whatever its Content-Type says. */
export async function readJson(request: Request, limit = MAX_JSON_BYTES): Promise<unknown> {
  const bytes = await readLimited(request.body, limit, MAX_MS)
  if (bytes.length === 0) throw new HeliostatError('invalid', 'Body expected in request.')
  refuseExcessiveJson(bytes)
  const value = parse(bytes)
  if (typeof value === 'object' && value !== null) return value
  throw new HeliostatError('invalid', 'Unexpected body type. Expected list/dict.')
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new HeliostatError('invalid', 'Malformed JSON in request body.', { cause })
  }
}
