/** What a PATCH does, told without the code that does it: which error, or what the image is then. */

export interface Operation {
  op: 'add' | 'replace' | 'remove'
  name: string
  value: unknown
}

/** What is in a request's list: an operation, or something that is none in either dialect. */
export type Step = Operation | { broken: unknown }

export interface Request {
  dialect: 'v2.0' | 'v2.1'
  isAdmin: boolean
  steps: Step[]
}

/** What a PATCH can change of an image, and the status, on which it depends. */
export interface State {
  status: string
  base: Record<string, unknown>
  custom: Record<string, string | null>
}

export const QUOTA = 3
const EMOJI = /[\u{10000}-\u{10FFFF}]/u

const UUID = '71c675ab-d94f-49cd-a114-e12490b328d9'
const LONG = 'x'.repeat(256)

interface Values {
  good: unknown[]
  bad: unknown[]
}

const flag: Values = { good: [true, false], bad: ['true', null, 1] }
const amount: Values = {
  good: [0, 512, 2147483647],
  bad: [-1, 2147483648, '1', null, 1.5, true],
}
const anyText: Values = { good: ['', 'v', '\u{1F600}'], bad: [1, null, {}, ['v']] }

/** By name, values that fit the image and such that do not. Names that are not here take any text. */
const VALUES: Record<string, Values> = {
  name: { good: ['new', '', null, '\u{1F600}'], bad: [1, LONG, ['new']] },
  visibility: { good: ['private', 'shared', 'community', 'public'], bad: ['secret', null] },
  protected: flag,
  os_hidden: flag,
  min_ram: amount,
  min_disk: amount,
  owner: { good: ['alice', 'bob', '', null], bad: [1, LONG] },
  tags: {
    good: [[], ['a'], ['b', 'a', 'b'], ['d', 'c', 'b'], ['a', 'b', 'c', 'd']],
    bad: ['a', null, [1], [LONG]],
  },
  disk_format: { good: ['raw', 'qcow2', null], bad: ['zip', 1] },
  container_format: { good: ['bare', 'ova', null], bad: ['zip', 1] },
  kernel_id: { good: [UUID, null], bad: ['x', 1] },
}

export const BASE = Object.keys(VALUES).filter((name) => name !== 'kernel_id')
export const CUSTOM = ['kernel_id', 'arch', '', 'a/b', '~1', 'image_id', 'toString', LONG]
export const READ_ONLY = ['id', 'status', 'size', 'checksum', 'self', 'stores', 'os_hash_value']
export const RESERVED = ['location', 'deleted', 'deleted_at', 'os_glance', 'os_glance_x']

export function valuesOf(name: string): Values {
  return Object.hasOwn(VALUES, name) ? (VALUES[name] ?? anyText) : anyText
}

/** The status of a refusal, or the state that results. */
export function outcomeOf(before: State, request: Request): number | State {
  const { steps, isAdmin } = request
  const operations = steps.filter((step) => 'op' in step)
  if (operations.length < steps.length) return 400
  if (operations.some(({ name }) => READ_ONLY.includes(name) || RESERVED.includes(name))) return 403
  if (operations.some(hasBadValue)) return 400
  if (!isAdmin && operations.some(({ op, name }) => op === 'remove' && name === 'locations')) {
    return 403
  }
  const after: State = structuredClone(before)
  for (const operation of operations) {
    const refusal = BASE.includes(operation.name)
      ? setBase(after, operation, request)
      : setCustom(after, operation, request)
    if (refusal !== null) return refusal
  }
  return isOverQuota(before, after) ? 413 : after
}

function hasBadValue({ op, name, value }: Operation): boolean {
  if (op === 'remove' || name === 'locations') return false
  return name.length > 255 || valuesOf(name).bad.includes(value)
}

function setBase(state: State, { op, name, value }: Operation, request: Request): number | null {
  if (op === 'remove') return 403
  if (op === 'add' && request.dialect === 'v2.0') return 409
  if (typeof value === 'string' && EMOJI.test(value)) return 400
  if (name === 'owner' && !request.isAdmin) return 403
  if (name === 'visibility' && value === 'public' && !request.isAdmin) return 403
  if (name.endsWith('_format') && state.status !== 'queued') return 403
  state.base[name] = Array.isArray(value) ? [...new Set(value)] : value
  return null
}

function setCustom({ custom }: State, { op, name, value }: Operation, request: Request) {
  if (name === 'locations') return 403
  const isThere = Object.hasOwn(custom, name)
  if (isThere ? op === 'add' && request.dialect === 'v2.0' : op !== 'add') return 409
  if (op === 'remove') delete custom[name]
  else if (typeof value === 'string' && EMOJI.test(value)) return 400
  else custom[name] = value === null ? null : String(value)
  return null
}

function isOverQuota(before: State, after: State): boolean {
  const counts = ({ base, custom }: State) => [
    Object.keys(custom).length,
    Array.isArray(base['tags']) ? base['tags'].length : 0,
  ]
  const had = counts(before)
  return counts(after).some((count, index) => count > QUOTA && count > (had[index] ?? 0))
}
