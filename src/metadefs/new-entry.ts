import type { NewAssociation, NewNamespace, NewObject, NewProperty } from '../../schema/metadef.ts'
import type { Contents, Entry, Namespace, NamespaceRow } from '../registry/metadef-contents.ts'

/** What was given of a namespace; the rest gets its defaults, `owner` among them. */
export function newNamespace(given: NewNamespace, owner: string | null, at: number): Namespace {
  return {
    id: crypto.randomUUID(),
    ...namespaceFields(given, owner),
    created_at: at,
    updated_at: at,
    ...contentsOf(given, at),
  }
}

/** All that a PUT replaces: what it does not give returns to its default. */
export function namespaceFields(
  given: NewNamespace,
  owner: string | null,
): Omit<NamespaceRow, 'id' | 'created_at' | 'updated_at'> {
  return {
    namespace: given.namespace,
    display_name: given.display_name ?? null,
    description: given.description ?? null,
    visibility: given.visibility ?? 'private',
    protected: given.protected ?? false,
    owner: given.owner || owner,
  }
}

/** What a namespace is given along with it. */
export function contentsOf(
  given: NewNamespace,
  updated_at: number,
  created_at = updated_at,
): Contents {
  return {
    properties: Object.entries(given.properties ?? {}).map(([name, property]) =>
      newProperty({ ...property, name }, updated_at, created_at),
    ),
    objects: (given.objects ?? []).map((object) => newObject(object, updated_at, created_at)),
    tags: (given.tags ?? []).map(({ name }) => newTag(name, updated_at, created_at)),
    associations: (given.resource_type_associations ?? []).map((association) =>
      newAssociation(association, updated_at, created_at),
    ),
  }
}

export function newProperty(
  { name, ...json_schema }: NewProperty,
  updated_at: number,
  created_at = updated_at,
): Entry<'properties'> {
  return { name, created_at, updated_at, json_schema }
}

export function newObject(
  { name, description, required, properties }: NewObject,
  updated_at: number,
  created_at = updated_at,
): Entry<'objects'> {
  return {
    name,
    created_at,
    updated_at,
    description: description ?? null,
    required: required ?? null,
    json_schema: properties ?? null,
  }
}

export function newTag(name: string, updated_at: number, created_at = updated_at): Entry<'tags'> {
  return { name, created_at, updated_at }
}

export function newAssociation(
  { name, prefix, properties_target }: NewAssociation,
  updated_at: number,
  created_at = updated_at,
): Entry<'associations'> {
  return {
    resource_type: name,
    created_at,
    updated_at,
    properties_target: properties_target ?? null,
    prefix: prefix ?? null,
  }
}
