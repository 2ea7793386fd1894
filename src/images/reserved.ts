import { getTableColumns } from 'drizzle-orm'

import { images } from '../../schema/tables.ts'
import { HeliostatError } from '../errors.ts'

const LINKS = ['direct_url', 'self', 'file', 'schema', 'stores'] as const

const { deleted_at: _, ...columns } = getTableColumns(images)

/** Every top-level key of an image that has a meaning of its own; all others are custom. */
export const BASE_PROPERTIES: ReadonlySet<string> = new Set([
  ...Object.keys(columns),
  'tags',
  'locations',
  ...LINKS,
])

const READ_ONLY_ON_CREATE: ReadonlySet<string> = new Set([
  'size',
  'virtual_size',
  'status',
  'checksum',
  'created_at',
  'updated_at',
  ...LINKS,
])

/** The base properties that only the service writes. A create ignores the two hashes silently. */
export const READ_ONLY_PROPERTIES: ReadonlySet<string> = new Set([
  ...READ_ONLY_ON_CREATE,
  'os_hash_algo',
  'os_hash_value',
])

const READ_ONLY_ON_PATCH: ReadonlySet<string> = new Set([...READ_ONLY_PROPERTIES, 'id'])

const RESERVED_ON_PATCH: ReadonlySet<string> = new Set(['location', 'deleted', 'deleted_at'])

const RESERVED_ON_CREATE: ReadonlySet<string> = new Set([...RESERVED_ON_PATCH, 'locations'])

/** Without a second underscore: Glance refuses `os_glancefoo` too. */
const RESERVED_PREFIX = 'os_glance'

/** Refuses (403) a key that the body of a create may not have, whatever its value. */
export function refuseProtectedOnCreate(name: string): void {
  refuse(name, READ_ONLY_ON_CREATE, RESERVED_ON_CREATE)
}

/** Refuses (403) a key that no operation of a PATCH may name, whatever the operation. */
export function refuseProtectedOnPatch(name: string): void {
  refuse(name, READ_ONLY_ON_PATCH, RESERVED_ON_PATCH)
}

function refuse(name: string, readOnly: ReadonlySet<string>, reserved: ReadonlySet<string>): void {
  if (readOnly.has(name)) {
    throw new HeliostatError('forbidden', `Attribute '${name}' is read-only.`)
  }
  // As a key of a JavaScript object it would be lost silently.
  if (reserved.has(name) || name.startsWith(RESERVED_PREFIX) || name === '__proto__') {
    throw new HeliostatError('forbidden', `Attribute '${name}' is reserved.`)
  }
}
