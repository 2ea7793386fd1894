import { and, eq, type SQL, sql } from 'drizzle-orm'
import { metadefNamespaces } from '../../schema/tables.ts'
import { HeliostatError } from '../errors.ts'
import { announceNamespaces } from '../registry/announcements.ts'
import { changesOne, freeing, type Registry, type Statement } from '../registry/database.ts'
import {
  CONTENT_KINDS,
  type ContentKind,
  type Contents,
  deleteContent,
  type Entry,
  hasContent,
  insertContent,
  type Namespace,
  namespaceIds,
  type NamespaceRow,
  resourceTypesOf,
  updateContent,
} from '../registry/metadef-contents.ts'
import { namespaceTaken, refuseTaken, twiceAmong } from './conflicts.ts'
import { duplicate, nameOf } from './kinds.ts'
import { makeResourceTypes } from './resource-types.ts'

/**
 * Changes of definitions, each one batch that also announces its namespace to mirrors. A name that is taken is a
 * conflict [409], and so is a namespace or an entry that was deleted, or protected from it, since it was read.
 */
export interface MetadefChanges {
  create(namespace: Namespace): Promise<void>
  update(row: NamespaceRow): Promise<void>
  delete(namespace: NamespaceRow): Promise<void>
  add<Kind extends ContentKind>(
    namespace: NamespaceRow,
    kind: Kind,
    entry: Entry<Kind>,
  ): Promise<void>
  /** Puts another entry in the place of the one with this name. */
  replace<Kind extends ContentKind>(
    namespace: NamespaceRow,
    kind: Kind,
    change: Replacement<Kind>,
  ): Promise<void>
  remove(namespace: NamespaceRow, kind: ContentKind, name: string): Promise<void>
  /** Removes every entry of a kind. */
  clear(namespace: NamespaceRow, kind: ContentKind): Promise<void>
  /** Puts tags in the place of those that are there, or adds them. */
  setTags(namespace: Namespace, tags: Contents['tags'], append: boolean): Promise<void>
}

interface Replacement<Kind extends ContentKind> {
  name: string
  entry: Entry<Kind>
}

export function createMetadefChanges(registry: Registry): MetadefChanges {
  return {
    create: (namespace) => create(registry, namespace),
    update: (row) => update(registry, row),
    delete: (namespace) => deleteNamespace(freeing(registry), namespace),
    add: (namespace, kind, entry) => add(registry, namespace, kind, entry),
    replace: (namespace, kind, change) => replace(registry, namespace, kind, change),
    remove: (namespace, kind, name) => remove(freeing(registry), namespace, kind, name),
    clear: (namespace, kind) => clear(freeing(registry), namespace, kind),
    setTags: (namespace, tags, append) => setTags(registry, namespace, tags, append),
  }
}

async function create(registry: Registry, namespace: Namespace): Promise<void> {
  const { properties, objects, tags, associations, ...row } = namespace
  const contents = { properties, objects, tags, associations }
  const where = byId(row)
  const taken = (table: string) =>
    table === 'metadef_namespaces' ? namespaceTaken(row) : twiceAmong(row, contents)
  await refuseTaken(taken, () =>
    registry.batch([
      registry.insert(metadefNamespaces).values(row),
      ...makeResourceTypes(registry, resourceTypesOf(associations), where),
      ...CONTENT_KINDS.map((kind) => insertContent(registry, kind, contents[kind], { where })),
      announceNamespaces(registry, where, row.created_at),
    ]),
  )
}

async function update(registry: Registry, row: NamespaceRow): Promise<void> {
  const { id: _id, ...columns } = row
  await refuseTaken(
    () => namespaceTaken(row),
    () => {
      const where = byId(row)
      return change(
        registry,
        row,
        where,
        registry.update(metadefNamespaces).set(columns).where(where),
      )
    },
  )
}

/** Its resource types stay. */
async function deleteNamespace(registry: Registry, namespace: NamespaceRow): Promise<void> {
  const { id } = namespace
  const gone = sql`SELECT ${id} WHERE NOT EXISTS (SELECT 1 FROM ${metadefNamespaces} WHERE id = ${id})`
  const where = unprotected(namespace)
  await change(
    registry,
    namespace,
    where,
    registry.delete(metadefNamespaces).where(where),
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
        where,
        ...('resource_type' in entry
          ? makeResourceTypes(registry, resourceTypesOf([entry]), where)
          : []),
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
  const where = and(byId(namespace), hasContent(kind, name))
  await refuseTaken(
    () => duplicate(kind, nameOf(entry), namespace.namespace),
    () => change(registry, namespace, where, updateContent(registry, kind, place)),
  )
}

async function remove(
  registry: Registry,
  namespace: NamespaceRow,
  kind: ContentKind,
  name: string,
): Promise<void> {
  const where = and(unprotected(namespace), hasContent(kind, name))
  await change(registry, namespace, where, deleteContent(registry, kind, namespaceIds(where), name))
}

async function clear(
  registry: Registry,
  namespace: NamespaceRow,
  kind: ContentKind,
): Promise<void> {
  const where = unprotected(namespace)
  const removal = deleteContent(registry, kind, namespaceIds(where))
  await change(registry, namespace, where, removal)
}

async function setTags(
  registry: Registry,
  namespace: Namespace,
  tags: Contents['tags'],
  append: boolean,
): Promise<void> {
  const where = byId(namespace)
  await refuseTaken(
    () => twiceAmong(namespace, { tags: append ? [...namespace.tags, ...tags] : tags }),
    () =>
      change(
        registry,
        namespace,
        where,
        ...(append ? [] : [deleteContent(registry, 'tags', namespaceIds(where))]),
        insertContent(registry, 'tags', tags, { where }),
      ),
  )
}

/** Runs statements on a namespace that, with its entry, is still as it was read: the condition, which all of them have. */
async function change(
  registry: Registry,
  { namespace }: NamespaceRow,
  where: SQL | undefined,
  ...statements: Statement[]
): Promise<void> {
  const announcement = announceNamespaces(registry, where, Date.now())
  if (await changesOne(registry, announcement, ...statements)) return
  throw new HeliostatError('conflict', `Namespace ${namespace} was changed or deleted meanwhile`)
}

function byId({ id }: Pick<NamespaceRow, 'id'>): SQL {
  return eq(metadefNamespaces.id, id)
}

function unprotected(namespace: NamespaceRow): SQL | undefined {
  return and(byId(namespace), eq(metadefNamespaces.protected, false))
}
