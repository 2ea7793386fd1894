/** What clients say of a location. */
import { z } from 'zod'
import { describeIssue } from '../../../schema/describe-issue.ts'
import { HeliostatError } from '../../errors.ts'
import type { Hash } from './unread.ts'

/** Bytes of each hash that a client may know. */
const HASH_BYTES: Readonly<Record<string, number>> = {
  md5: 16,
  sha1: 20,
  sha256: 32,
  sha384: 48,
  sha512: 64,
}

const validation = z.strictObject({
  checksum: z.string().length(32).optional(),
  os_hash_algo: z.string().max(64),
  os_hash_value: z.string().max(128),
})

const inPatch = z.object({
  url: z.string().max(255),
  metadata: z.record(z.string(), z.unknown()),
  validation_data: validation.optional(),
})
export type GivenLocation = z.output<typeof inPatch>

const inPost = z.strictObject({
  url: z.string().max(255),
  validation_data: validation.omit({ checksum: true }).partial().optional(),
})

/** One location of a PATCH [400]. */
export function parseLocation(value: unknown): GivenLocation {
  return parse(inPatch, value, 'image')
}

export function parseLocations(value: unknown): GivenLocation[] {
  return parse(z.array(inPatch), value, 'image')
}

/** The body of a location that is added by itself [400]. */
export function parseAddition(value: unknown): { url: string; hash: Hash | null } {
  const { url, validation_data: given = {} } = parse(inPost, value, 'location')
  const { os_hash_algo: algorithm, os_hash_value: hash } = given
  if ((algorithm === undefined) !== (hash === undefined)) {
    throw mismatch('location', 'validation_data: wanted os_hash_algo and os_hash_value, or neither')
  }
  if (algorithm === undefined || hash === undefined) return { url, hash: null }
  if (!Object.hasOwn(HASH_BYTES, algorithm)) {
    const wanted = Object.keys(HASH_BYTES).join(', ')
    throw mismatch('location', `os_hash_algo is "${algorithm}", wanted one of: ${wanted}`)
  }
  return { url, hash: { algorithm, value: hash } }
}

function parse<T>(type: z.ZodType<T>, value: unknown, schema: string): T {
  const { data, error } = type.safeParse(value)
  if (error) throw mismatch(schema, describeIssue(error))
  return data
}

function mismatch(schema: string, reason: string): HeliostatError {
  return new HeliostatError(
    'invalid',
    `Provided object does not match schema '${schema}': ${reason}`,
  )
}

/** Refuses a value that no hash of its algorithm can be, with the given code. */
export function refuseUnsound({ algorithm, value }: Hash, code: 'invalid' | 'conflict'): void {
  const bytes = HASH_BYTES[algorithm] ?? 0
  if (!/^[0-9a-f]*$/i.test(value)) {
    throw new HeliostatError(code, `os_hash_value (${value}) is not a valid hexadecimal value`)
  }
  if (value.length === 2 * bytes) return
  throw new HeliostatError(
    code,
    `os_hash_value: (${value}) is not the correct size for (${algorithm}) (should be (${bytes}) bytes)`,
  )
}
