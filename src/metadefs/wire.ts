import {
  type Contents,
  type Entry,
  type Namespace,
  type NamespaceRow,
  NEVER,
  type ResourceType,
} from '../registry/metadef-contents.ts'
import { wireTime } from '../wire-time.ts'

type Wire = Record<string, unknown>
type Definition = Record<string, unknown>

/** A namespace as clients see it, without what it holds. */
export function toWireNamespace(row: NamespaceRow): Wire {
  return present({
    namespace: row.namespace,
    display_name: row.display_name,
    description: row.description,
    visibility: row.visibility,
    protected: row.protected,
    owner: row.owner,
    ...wireTimes(row),
    self: `/v2/metadefs/namespaces/${row.namespace}`,
    schema: '/v2/schemas/metadefs/namespace',
  })
}

/** As in a list. */
export function toListedNamespace(row: NamespaceRow & Pick<Contents, 'associations'>): Wire {
  return { ...toWireNamespace(row), ...wireAssociations(row.associations) }
}

/** With all that it holds; what it has none of is left out. */
export function toWholeNamespace(namespace: Namespace): Wire {
  const { properties, objects, tags } = namespace
  return {
    ...toListedNamespace(namespace),
    ...(properties.length > 0 && { properties: toWireProperties(properties) }),
    ...(objects.length > 0 && {
      objects: objects.map((object) => toWireObject(namespace, object)),
    }),
    ...(tags.length > 0 && { tags: tags.toReversed().map(({ name }) => ({ name })) }),
  }
}

/** As it was created: what it holds is told as it was given. */
export function toNewNamespace(namespace: Namespace): Wire {
  const { properties, objects, tags, associations } = namespace
  return {
    ...toWireNamespace(namespace),
    ...(associations.length > 0 && {
      resource_type_associations: associations.map(bareAssociation),
    }),
    ...(properties.length > 0 && { properties: toWireProperties(properties) }),
    ...(objects.length > 0 && { objects: objects.map(bareObject) }),
    ...(tags.length > 0 && { tags: tags.map(({ name }) => ({ name })) }),
  }
}

function wireAssociations(associations: Contents['associations']): Wire {
  if (associations.length === 0) return {}
  return { resource_type_associations: associations.map(toWireAssociation) }
}

export function toWireAssociation(association: Entry<'associations'>): Wire {
  return { ...bareAssociation(association), ...wireTimes(association) }
}

function bareAssociation({
  resource_type: name,
  prefix,
  properties_target,
}: Entry<'associations'>): Wire {
  return present({ name, prefix, properties_target })
}

export function toWireResourceType(type: ResourceType): Wire {
  return { name: type.name, ...wireTimes(type) }
}

export function toWireProperty({ name, json_schema }: Entry<'properties'>): Wire {
  return { name, ...toWireDefinition(json_schema) }
}

/** By their names, which each has once more. */
export function toListedProperties(properties: Contents['properties']): Wire {
  return Object.fromEntries(properties.map((property) => [property.name, toWireProperty(property)]))
}

/** By their names. */
function toWireProperties(properties: Contents['properties']): Wire {
  return Object.fromEntries(
    properties.map(({ name, json_schema }) => [name, toWireDefinition(json_schema)]),
  )
}

/** As it is read: of what it was not given it has none. */
export function toWireObject(
  namespace: Pick<NamespaceRow, 'namespace'>,
  object: Entry<'objects'>,
): Wire {
  const { required, json_schema } = object
  const whole = { ...object, required: required ?? [], json_schema: json_schema ?? {} }
  return toGivenObject(namespace, whole)
}

/** As the answer to a create or a change tells it: what was not given is left out. */
export function toGivenObject(
  { namespace }: Pick<NamespaceRow, 'namespace'>,
  object: Entry<'objects'>,
): Wire {
  return {
    ...bareObject(object),
    ...wireTimes(object),
    self: `/v2/metadefs/namespaces/${namespace}/objects/${object.name}`,
    schema: '/v2/schemas/metadefs/object',
  }
}

function bareObject({ name, description, required, json_schema }: Entry<'objects'>): Wire {
  const properties =
    json_schema &&
    Object.fromEntries(
      Object.entries(json_schema).map(([key, definition]) => [key, toWireDefinition(definition)]),
    )
  return present({ name, description, required, properties })
}

export function toWireTag(tag: Entry<'tags'>): Wire {
  return { name: tag.name, ...wireTimes(tag) }
}

/** A default, and each value to choose from, is text whatever the property's type is: clients count on it. */
function toWireDefinition({ name: _name, ...definition }: Definition): Definition {
  const { enum: values, default: fallback, items } = definition
  return {
    ...definition,
    ...(fallback !== undefined && fallback !== null && { default: toText(fallback) }),
    ...(Array.isArray(values) && { enum: values.map(toText) }),
    ...(isDefinition(items) && { items: toWireDefinition(items) }),
  }
}

/** As Python spells it. */
function toText(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return JSON.stringify(value)
}

function isDefinition(value: unknown): value is Definition {
  return typeof value === 'object' && value !== null
}

function wireTimes({ created_at, updated_at }: { created_at: number; updated_at: number }) {
  return {
    created_at: wireTime(created_at),
    ...(updated_at !== NEVER && { updated_at: wireTime(updated_at) }),
  }
}

/** Without what is null. */
function present(wire: Wire): Wire {
  return Object.fromEntries(Object.entries(wire).filter(([, value]) => value !== null))
}
