import type { z } from 'zod'
import { pagedListSchema, toPublishedSchema } from './json-schema.ts'
import { published } from './metadef.ts'

type Document = Record<string, unknown>

/** The JSON Schemas of metadata definitions by the last segment of their path. */
export const METADEF_SCHEMAS: Record<string, Document> = {
  namespace: document('namespace', published.namespace),
  namespaces: listDocument('namespaces', published.namespace),
  object: document('object', published.object),
  objects: listDocument('objects', published.object),
  property: document('property', published.property),
  properties: propertiesDocument(),
  resource_type: document('resource_type_association', published.resource_type_association),
  resource_types: listDocument('resource_type_associations', published.resource_type_association),
  tag: document('tag', published.tag),
  tags: listDocument('tags', published.tag),
}

function document(name: string, type: z.ZodType): Document {
  const { type: _object, ...schema } = toPublishedSchema(type)
  return { name, ...schema }
}

function listDocument(name: string, type: z.ZodType): Document {
  const { definitions, ...items } = toPublishedSchema(type)
  const { name: _, ...list } = pagedListSchema(name, items)
  return { name, ...(definitions !== undefined && { definitions }), ...list }
}

/** By name rather than in a list, so an item has no name of its own. */
function propertiesDocument(): Document {
  const { definitions, ...item } = toPublishedSchema(published.property.partial({ name: true }))
  return {
    name: 'properties',
    definitions,
    properties: { properties: { type: 'object', additionalProperties: item } },
  }
}
