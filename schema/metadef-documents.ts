import type { z } from 'zod'
import { pagedListSchema, pagedMapSchema, toPublishedSchema } from './json-schema.ts'
import { published } from './metadef.ts'

type Document = Record<string, unknown>

/** What the schemas refer to, in the order in which it is published. */
const DEFINITIONS = ['positiveInteger', 'positiveIntegerDefault0', 'stringArray', 'property']

const namespace = document('namespace', published.namespace)
const object = document('object', published.object)
const property = document('property', published.property)
const association = document('resource_type_association', published.resource_type_association)
const tag = document('tag', published.tag)

/** The JSON Schemas of metadata definitions by the last segment of their path. */
export const METADEF_SCHEMAS: Record<string, Document> = {
  namespace,
  namespaces: listDocument('namespaces', namespace),
  object,
  objects: listDocument('objects', object),
  property,
  properties: propertiesDocument(),
  resource_type: association,
  resource_types: listDocument('resource_type_associations', association),
  tag,
  tags: listDocument('tags', tag),
}

function document(name: string, type: z.ZodType): Document {
  const { properties, additionalProperties, definitions, required } = toPublishedSchema(type)
  return {
    name,
    properties,
    additionalProperties,
    ...(definitions !== undefined && { definitions: inOrder(Object(definitions)) }),
    required,
  }
}

function inOrder(definitions: Document): Document {
  const names = DEFINITIONS.filter((name) => Object.hasOwn(definitions, name))
  return Object.fromEntries(names.map((name) => [name, definitions[name]]))
}

function listDocument(name: string, { definitions, ...items }: Document): Document {
  return { ...pagedListSchema(name, items), ...(definitions !== undefined && { definitions }) }
}

/** By name rather than in a list, so an item needs no name of its own. */
function propertiesDocument(): Document {
  const { definitions, ...item } = property
  return { ...pagedMapSchema('properties', { ...item, required: ['type', 'title'] }), definitions }
}
