import { HeliostatError } from '../errors.ts'
import { readLimited } from '../http/body.ts'

/** Enough for 128 properties of 70 KB, as snapshots of many volumes have them. */
const MAX_JSON_BYTES = 10 * 1024 * 1024

/** The object or list that a request carries, whatever its Content-Type says. */
export async function readJson(request: Request): Promise<unknown> {
  const bytes = await readLimited(request.body, MAX_JSON_BYTES)
  if (bytes.length === 0) throw new HeliostatError('invalid', 'Body expected in request.')
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
