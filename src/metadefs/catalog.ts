import { eq, type SQL } from 'drizzle-orm'
import type { NewNamespace } from '../../schema/metadef.ts'
import { metadefNamespaces, metadefResourceTypes } from '../../schema/tables.ts'
import { announceAllMetadefs, announceNamespaces } from '../registry/announcements.ts'
import { affectedRows, freeing, type Registry } from '../registry/database.ts'
import {
  CONTENT_KINDS,
  deleteContent,
  deleteNamespaces,
  insertContent,
  namespaceIds,
  type NamespaceRow,
  NEVER,
  type OnConflict,
  resourceTypesOf,
} from '../registry/metadef-contents.ts'
import { refuseTaken, twice } from './conflicts.ts'
import { contentsOf, namespaceFields } from './new-entry.ts'
import { makeResourceTypes } from './resource-types.ts'

/** Who owns what a definition file names no owner of. */
const OWNER = 'admin'

/**
 * What becomes of a namespace that is there already: it stays as it is, gets what it lacks, gets that and new versions
 * of what it has, or is replaced.
 */
export type LoadMode = 'skip' | 'merge' | 'prefer-new' | 'overwrite'

const ON_CONFLICT: Record<LoadMode, OnConflict> = {
  skip: 'fail',
  merge: 'keep',
  'prefer-new': 'replace',
  overwrite: 'fail',
}

/**
 * Takes over a definition file, all of it or nothing, and tells whether anything was to be done. Its entries are as old as
 * `times` says.
 */
export async function loadNamespace(
  registry: Registry,
  given: NewNamespace,
  mode: LoadMode,
  times?: { created_at: number; updated_at: number },
): Promise<boolean> {
  const now = Date.now()
  const { created_at, updated_at } = times ?? { created_at: now, updated_at: NEVER }
  const row = {
    id: crypto.randomUUID(),
    ...namespaceFields(given, OWNER),
    // A file that says nothing of it leaves it open, unlike a request.
    visibility: given.visibility ?? null,
    created_at,
    updated_at,
  }
  const where = mode === 'skip' ? eq(metadefNamespaces.id, row.id) : named(row)
  const contents = contentsOf(given, updated_at, created_at)
  const types = resourceTypesOf(contents.associations, true)
  const statements = [
    ...(mode === 'overwrite'
      ? CONTENT_KINDS.map((kind) => deleteContent(registry, kind, namespaceIds(where)))
      : []),
    ...makeResourceTypes(registry, types, where),
    ...CONTENT_KINDS.map((kind) =>
      insertContent(registry, kind, contents[kind], { where, onConflict: ON_CONFLICT[mode] }),
    ),
    announceNamespaces(registry, where, now),
  ]
  const [inserted] = await refuseTaken(
    () => twice(row),
    () => registry.batch([insertNamespace(registry, row, mode), ...statements]),
  )
  return mode !== 'skip' || affectedRows(inserted) === 1
}

function insertNamespace(registry: Registry, row: NamespaceRow, mode: LoadMode) {
  const insertion = registry.insert(metadefNamespaces).values(row)
  const target = metadefNamespaces.namespace
  if (mode === 'skip' || mode === 'merge') return insertion.onConflictDoNothing({ target })
  const { id: _id, ...set } = row
  if (mode === 'overwrite') return insertion.onConflictDoUpdate({ target, set })
  const { created_at: updated_at, ...changed } = set
  return insertion.onConflictDoUpdate({ target, set: { ...changed, updated_at } })
}

function named({ namespace }: NamespaceRow): SQL {
  return eq(metadefNamespaces.namespace, namespace)
}

/** Removes every definition, also protected ones, and every resource type. Tells how many namespaces there were. */
export async function unloadAll(registry: Registry): Promise<number> {
  const results = await freeing(registry).batch([
    ...announceAllMetadefs(registry, Date.now()),
    ...deleteNamespaces(registry, namespaceIds()),
    registry.delete(metadefResourceTypes),
  ])
  return affectedRows(results.at(-2))
}
