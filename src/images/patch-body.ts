import { HeliostatError } from '../errors.ts'
import { parsePointer } from './json-pointer.ts'
import { refuseProtectedOnPatch } from './reserved.ts'

export type PatchDialect = 'v2.0' | 'v2.1'

interface Target {
  name: string
  /** The pointer as sent. */
  path: string
  /** Which location, as sent: `-` or a number. Only `add` and `remove` of locations have one. */
  position?: string
}

export type PatchOperation =
  | (Target & { op: 'add' | 'replace'; value: unknown })
  | (Target & { op: 'remove' })

/** Returns the value as the type that the image schema gives that attribute, or throws (400). */
export type ValidateValue = (name: string, value: unknown) => unknown

export const PATCH_MEDIA_TYPES: Record<string, PatchDialect> = {
  'application/openstack-images-v2.0-json-patch': 'v2.0',
  'application/openstack-images-v2.1-json-patch': 'v2.1',
}
// Clients choose the key: without this, `Content-Type: constructor` would find a dialect.
Object.setPrototypeOf(PATCH_MEDIA_TYPES, null)

/** The value of the `Accept-Patch` header (RFC 5789 section 3.1). */
export const ACCEPT_PATCH = Object.keys(PATCH_MEDIA_TYPES).join(', ')

const OPERATION_NAMES = ['add', 'remove', 'replace'] as const

type OperationName = (typeof OPERATION_NAMES)[number]
type Members = Record<string, unknown>

/** Each takes time, while a legitimate PATCH needs no more than an image has properties. */
const MAX_OPERATIONS = 10_000

/** Locations are replaced as a whole, but added and removed one by one. All else has depth 1. */
const LOCATIONS_DEPTH: Record<OperationName, number> = { add: 2, remove: 2, replace: 1 }

const ENVELOPES: Record<PatchDialect, (members: Members) => [op: OperationName, path: unknown]> = {
  'v2.0': readKeyedOperation,
  'v2.1': readNamedOperation,
}

/**
 * Parses the JSON body of a PATCH. Every operation's syntax (400) is judged before any root (403),
 * and every root before any value (400). Too many operations are refused first of all (413).
 */
export function parsePatch(
  dialect: PatchDialect,
  body: unknown,
  validateValue: ValidateValue,
): PatchOperation[] {
  const operations = readList(body).map((item) => parseOperation(dialect, item))
  for (const { name } of operations) refuseProtectedOnPatch(name)
  return operations.map((operation) => parseValue(operation, validateValue))
}

function readList(body: unknown): unknown[] {
  if (!Array.isArray(body)) throw invalid('Request body must be a JSON array of operation objects.')
  if (body.length <= MAX_OPERATIONS) return body
  throw new HeliostatError(
    'too-large',
    `Request has ${body.length} operations, at most ${MAX_OPERATIONS} are allowed`,
  )
}

function parseOperation(dialect: PatchDialect, item: unknown): PatchOperation {
  if (!isObject(item)) throw invalid('Operations must be JSON objects.')
  const [op, path] = ENVELOPES[dialect](item)
  const target = parseTarget(op, path)
  if (op === 'remove') return { op, ...target }
  // JSON has no undefined, and null is a value.
  if (item.value === undefined) throw invalid(`Operation "${op}" requires a member named "value".`)
  return { op, ...target, value: item.value }
}

/** v2.1: `{"op": "add", "path": "/x"}`, as in RFC 6902. */
function readNamedOperation(members: Members): [op: OperationName, path: unknown] {
  const wanted = `It must be one of the following: ${OPERATION_NAMES.join(', ')}.`
  const { op, path } = members
  if (op === undefined || op === null) {
    throw invalid(`Unable to find \`op\` in JSON Schema change. ${wanted}`)
  }
  const known = OPERATION_NAMES.find((name) => name === op)
  if (!known) throw invalid(`Invalid operation: \`${quote(op)}\`. ${wanted}`)
  if (path === undefined) throw invalid("Unable to find 'path' in JSON Schema change")
  return [known, path]
}

/** v2.0: `{"add": "/x"}`, as in the fourth draft of what became RFC 6902. */
function readKeyedOperation(members: Members): [op: OperationName, path: unknown] {
  const [op, ...others] = OPERATION_NAMES.filter((name) => members[name] !== undefined)
  if (op && others.length === 0) return [op, members[op]]
  const count = op ? 'only' : 'exactly'
  const wanted = `${count} one member named "add", "remove", or "replace"`
  throw invalid(`Operation objects must contain ${wanted}.`)
}

function parseTarget(op: OperationName, path: unknown): Target {
  if (typeof path !== 'string') throw invalid(`Pointer \`${quote(path)}\` is not a string.`)
  const segments = parsePointer(path)
  const [name = '', position] = segments
  if (segments.length !== (name === 'locations' ? LOCATIONS_DEPTH[op] : 1)) {
    throw invalid(`Invalid JSON pointer for this resource: '/${segments.join('/')}'`)
  }
  return position === undefined ? { name, path } : { name, path, position }
}

function parseValue(operation: PatchOperation, validateValue: ValidateValue): PatchOperation {
  if (operation.op === 'remove' || operation.name === 'locations') return operation
  return { ...operation, value: validateValue(operation.name, operation.value) }
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Not `String()`, which calls whatever `toString` member the client has sent. */
function quote(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function invalid(message: string): HeliostatError {
  return new HeliostatError('invalid', message)
}
