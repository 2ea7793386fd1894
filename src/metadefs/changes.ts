import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { metadefNamespaces } from '../../schema/tables.ts'
import { HeliostatError } from '../errors.ts'
import { announceNamespace, announceResourceTypes } from '../mirror/feed/metadefs.ts'
import { changesOne, freeing, type Registry } from '../registry/database.ts'
import {
  CONTENT_KINDS,
  type ContentKind,
  type Contents,
  deleteContent,
  type Entry,
  insertContent,
  insertResourceTypes,
  type Namespace,
  namespaceIds,
  type NamespaceRow,
  resourceTypesOf,
  updateContent,
} from '../registry/metadef-contents.ts'
import { namespaceTaken, refuseTaken, twice } from './conflicts.ts'
import { duplicate, nameOf } from './kinds.ts'

type Statement = BatchItem<'sqlite'>

/**
 * Changes of definitions, each one batch that also announces its namespace to mirrors. A name that is taken is a
 * conflict [409], and so is a namespace or an entry that was deleted, or protected from it, since it was read.
 */
export function createMetadefChanges(registry: Registry) {
  return {
    create: (namespace: Namespace) => create(registry, namespace),
    update: (row: NamespaceRow) => update(registry, row),
    delete: (namespace: NamespaceRow) => deleteNamespace(freeing(registry), namespace),

    add: <Kind extends ContentKind>(namespace: NamespaceRow, kind: Kind, entry: Entry<Kind>) =>
      add(registry, namespace, kind, entry),

    /** Puts another entry in the place of the one with this name. */
    replace: <Kind extends ContentKind>(
      namespace: NamespaceRow,
      kind: Kind,
      change: Replacement<Kind>,
    ) => replace(registry, namespace, kind, change),

    remove: (namespace: NamespaceRow, kind: ContentKind, name: string) =>
      remove(freeing(registry), namespace, kind, name),

    /** Removes every entry of a kind. */
    clear: (namespace: NamespaceRow, kind: ContentKind) =>
      clear(freeing(registry), namespace, kind),

    /** Puts tags in the place of those that are there, or adds them. */
    setTags: (namespace: NamespaceRow, tags: Contents['tags'], append: boolean) =>
      setTags(registry, namespace, tags, append),
  }
}

interface Replacement<Kind extends ContentKind> {
  name: string
  entry: Entry<Kind>
}

async function create(registry: Registry, namespace: Namespace): Promise<void> {
  const { properties, objects, tags, associations, ...row } = namespace
  const contents = { properties, objects, tags, associations }
  const where = byId(row)
  const taken = (table: string) =>
    table === 'metadef_namespaces' ? namespaceTaken(row) : twice(row)
  await refuseTaken(taken, () =>
    registry.batch([
      registry.insert(metadefNamespaces).values(row),
      ...makeResourceTypes(registry, associations, where),
      ...CONTENT_KINDS.map((kind) => insertContent(registry, kind, contents[kind], { where })),
      announceNamespace(registry, row.id, row.created_at),
    ]),
  )
}

async function update(registry: Registry, row: NamespaceRow): Promise<void> {
  const { id: _id, ...columns } = row
  await refuseTaken(
    () => namespaceTaken(row),
    () => change(registry, row, registry.update(metadefNamespaces).set(columns).where(byId(row))),
  )
}

/** Its resource types stay. */
async function deleteNamespace(registry: Registry, namespace: NamespaceRow): Promise<void> {
  const { id } = namespace
  const gone = sql`SELECT ${id} WHERE NOT EXISTS (SELECT 1 FROM ${metadefNamespaces} WHERE id = ${id})`
  await change(
    registry,
    namespace,
    registry.delete(metadefNamespaces).where(unprotected(namespace)),
    ...CONTENT_KINDS.map((kind) => deleteContent(registry, kind, gone)),
  )
}

async function add<Kind extends ContentKind>(
  registry: Registry,
  namespace: NamespaceRow,
  kind: Kind,
  entry: Entry<Kind>,
): Promise<void> {
  const where = byId(namespace)
  await refuseTaken(
    () => duplicate(kind, nameOf(entry), namespace.namespace),
    () =>
      change(
        registry,
        namespace,
        touch(registry, where),
        ...('resource_type' in entry ? makeResourceTypes(registry, [entry], where) : []),
        insertContent(registry, kind, [entry], { where }),
      ),
  )
}

async function replace<Kind extends ContentKind>(
  registry: Registry,
  namespace: NamespaceRow,
  kind: Kind,
  { name, entry }: Replacement<Kind>,
): Promise<void> {
  const place = { namespace_id: namespace.id, name, entry }
  await refuseTaken(
    () => duplicate(kind, nameOf(entry), namespace.namespace),
    () => change(registry, namespace, updateContent(registry, kind, place)),
  )
}

async function remove(
  registry: Registry,
  namespace: NamespaceRow,
  kind: ContentKind,
  name: string,
): Promise<void> {
  const ids = namespaceIds(unprotected(namespace))
  await change(registry, namespace, deleteContent(registry, kind, ids, name))
}

async function clear(
  registry: Registry,
  namespace: NamespaceRow,
  kind: ContentKind,
): Promise<void> {
  const where = unprotected(namespace)
  const removal = deleteContent(registry, kind, namespaceIds(where))
  await change(registry, namespace, touch(registry, where), removal)
}

async function setTags(
  registry: Registry,
  namespace: NamespaceRow,
  tags: Contents['tags'],
  append: boolean,
): Promise<void> {
  const where = byId(namespace)
  await refuseTaken(
    () => twice(namespace),
    () =>
      change(
        registry,
        namespace,
        touch(registry, where),
        ...(append ? [] : [deleteContent(registry, 'tags', namespaceIds(where))]),
        insertContent(registry, 'tags', tags, { where }),
      ),
  )
}

/** The types that associations of an existing namespace need, announced before them so that mirrors have them in time. */
function makeResourceTypes(
  registry: Registry,
  associations: Contents['associations'],
  where: SQL,
): Statement[] {
  const [first] = associations
  if (!first) return []
  const types = resourceTypesOf(associations)
  return [
    insertResourceTypes(registry, types, 'keep', where),
    announceResourceTypes(registry, types, first.updated_at),
  ]
}

/** Runs statements of which the first one tells whether the namespace, or its entry, is still as it was read. */
async function change(
  registry: Registry,
  { id, namespace }: NamespaceRow,
  first: Statement,
  ...rest: Statement[]
): Promise<void> {
  const announcement = announceNamespace(registry, id, Date.now())
  if (await changesOne(registry, first, ...rest, announcement)) return
  throw new HeliostatError('conflict', `Namespace ${namespace} was changed or deleted meanwhile`)
}

/** Changes nothing, but finds out whether the namespace is there. */
function touch(registry: Registry, where: SQL | undefined): Statement {
  return registry
    .update(metadefNamespaces)
    .set({ id: sql`id` })
    .where(where)
}

function byId({ id }: Pick<NamespaceRow, 'id'>): SQL {
  return eq(metadefNamespaces.id, id)
}

function unprotected(namespace: NamespaceRow): SQL | undefined {
  return and(byId(namespace), eq(metadefNamespaces.protected, false))
}
