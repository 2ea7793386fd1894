import { z } from 'zod'

type JsonSchema = Record<string, unknown>

/**
 * The JSON Schema of a zod shape, in the dialect that OpenStack's clients read: a value that may be null has a list
 * of types rather than alternatives, and integers have no bounds of JavaScript's.
 */
export function toPublishedSchema(type: z.ZodType): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(type, {
    target: 'draft-4',
    io: 'input',
    override: ({ jsonSchema }) => {
      foldNull(jsonSchema)
      removeEmpty(jsonSchema)
      removeSafeIntegerBounds(jsonSchema)
      unwrapReference(jsonSchema)
    },
  })
  return schema
}

/** The `properties` of such a schema. */
export function publishedProperties(type: z.ZodObject): unknown {
  return toPublishedSchema(type)['properties']
}

/** The schema of a list that is always whole. */
export function listSchema(name: string, items: JsonSchema) {
  return {
    name,
    properties: { [name]: { type: 'array', items }, schema: { type: 'string' } },
    links: [{ rel: 'describedby', href: '{schema}' }],
  }
}

/** The schema of a list that comes in pages. */
export function pagedListSchema(name: string, items: JsonSchema) {
  return pagesOf(name, { type: 'array', items })
}

/** The same of what comes by its names. */
export function pagedMapSchema(name: string, item: JsonSchema) {
  return pagesOf(name, { type: 'object', additionalProperties: item })
}

function pagesOf(name: string, collection: JsonSchema) {
  return {
    name,
    properties: {
      [name]: collection,
      first: { type: 'string' },
      next: { type: 'string' },
      schema: { type: 'string' },
    },
    links: [
      { rel: 'first', href: '{first}' },
      { rel: 'next', href: '{next}' },
      { rel: 'describedby', href: '{schema}' },
    ],
  }
}

/** What the shape says of itself is kept: Glance has values that may be null without saying so in their type. */
function foldNull(schema: JsonSchema): void {
  const { anyOf, ...given } = schema
  if (!Array.isArray(anyOf) || anyOf.length !== 2 || anyOf[1]?.type !== 'null') return
  const { type, enum: values, ...rest } = anyOf[0]
  delete schema['anyOf']
  const folded = { type: ['null', type], ...(values && { enum: [null, ...values] }) }
  Object.assign(schema, rest, folded, given)
}

/** A rule that allows everything says nothing. */
function removeEmpty(schema: JsonSchema): void {
  for (const key of ['additionalProperties', 'items']) {
    const rule = schema[key]
    if (typeof rule === 'object' && rule !== null && Object.keys(rule).length === 0) {
      delete schema[key]
    }
  }
}

function removeSafeIntegerBounds(schema: JsonSchema): void {
  if (schema['type'] !== 'integer') return
  if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum']
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum']
}

/** A reference, which zod wraps so that it could have siblings. */
function unwrapReference(schema: JsonSchema): void {
  const { allOf } = schema
  if (!Array.isArray(allOf) || allOf.length !== 1 || Object.keys(schema).length !== 1) return
  delete schema['allOf']
  Object.assign(schema, allOf[0])
}
