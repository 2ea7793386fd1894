import { and, asc, eq, inArray, or, type SQL, sql } from 'drizzle-orm'
import {
  metadefNamespaces,
  metadefResourceTypeAssociations,
  metadefResourceTypes,
} from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'
import { namespaceColumns, namespaceHead } from '../registry/metadef-columns.ts'
import type {
  Contents,
  Namespace,
  NamespaceRow,
  ResourceType,
} from '../registry/metadef-contents.ts'
import type { NamespaceQuery } from './query.ts'
import type { Viewer } from './visibility.ts'

/** Reading definitions. Whether the viewer may see what is found by its name is the caller's to decide. */
export interface MetadefReads {
  /** The namespace with all that it holds. */
  find(namespace: string): Promise<Namespace | null>
  /** One page of what the viewer may see, after the marker, with nothing but the associations. */
  list(
    query: NamespaceQuery,
    viewer: Viewer,
    marker: NamespaceRow | null,
  ): Promise<(NamespaceRow & Pick<Contents, 'associations'>)[]>
  /** Every namespace whole, by name. */
  all(): Promise<Namespace[]>
  /** By name. */
  resourceTypes(): Promise<ResourceType[]>
}

export function createMetadefReads(registry: Registry): MetadefReads {
  return {
    async find(namespace) {
      const found = await registry
        .select(namespaceColumns)
        .from(metadefNamespaces)
        .where(eq(metadefNamespaces.namespace, namespace))
        .get()
      return found ?? null
    },

    list(query, viewer, marker) {
      return registry
        .select(namespaceHead)
        .from(metadefNamespaces)
        .where(
          and(
            visibleInList(viewer),
            query.visibility === null
              ? undefined
              : eq(metadefNamespaces.visibility, query.visibility),
            query.resourceTypes === null ? undefined : associatedWithAny(query.resourceTypes),
            marker ? afterMarker(query, marker) : undefined,
          ),
        )
        .orderBy(
          sql.join(
            orderOf(query).map((key) => sql`${key} ${direction(query)}`),
            sql`, `,
          ),
        )
        .limit(query.limit)
        .all()
    },

    all: () =>
      registry
        .select(namespaceColumns)
        .from(metadefNamespaces)
        .orderBy(asc(metadefNamespaces.namespace))
        .all(),

    resourceTypes: () =>
      registry.select().from(metadefResourceTypes).orderBy(asc(metadefResourceTypes.name)).all(),
  }
}

function visibleInList({ isAdmin, projectId }: Viewer): SQL | undefined {
  if (isAdmin) return undefined
  const own = projectId === null ? undefined : eq(metadefNamespaces.owner, projectId)
  return or(eq(metadefNamespaces.visibility, 'public'), own)
}

function associatedWithAny(resourceTypes: string[]): SQL {
  const { namespace_id, resource_type } = metadefResourceTypeAssociations
  return sql`exists (select 1 from ${metadefResourceTypeAssociations}
    where ${eq(namespace_id, metadefNamespaces.id)} and ${inArray(resource_type, resourceTypes)})`
}

/** What a list is sorted by; the name makes it a complete order. NULL is less than every text. */
function orderOf({ sortKey }: NamespaceQuery): SQL[] {
  const { created_at, namespace } = metadefNamespaces
  return [sql`coalesce(${metadefNamespaces[sortKey]}, '')`, sql`${created_at}`, sql`${namespace}`]
}

function direction({ sortDirection }: NamespaceQuery): SQL {
  return sortDirection === 'asc' ? sql`asc` : sql`desc`
}

function afterMarker(query: NamespaceQuery, marker: NamespaceRow): SQL {
  const values = sql`${marker[query.sortKey] ?? ''}, ${marker.created_at}, ${marker.namespace}`
  const after = query.sortDirection === 'asc' ? sql`>` : sql`<`
  return sql`(${sql.join(orderOf(query), sql`, `)}) ${after} (${values})`
}
