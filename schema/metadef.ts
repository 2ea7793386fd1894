/** The shapes of metadata definitions: bodies are checked with them, and the JSON Schemas are made of them. */
import { createSelectSchema } from 'drizzle-zod'
import { z } from 'zod'
import {
  METADEF_VISIBILITIES,
  metadefNamespaces,
  metadefProperties,
  metadefResourceTypeAssociations,
} from './tables.ts'
import { unstorableWithin } from './text.ts'

const namespaceColumn = createSelectSchema(metadefNamespaces).shape
const associationColumn = createSelectSchema(metadefResourceTypeAssociations).shape

/** The name of anything within a namespace. */
const { name } = createSelectSchema(metadefProperties).shape

/** A body of which every text can be stored. */
const storable = <T extends z.ZodType>(body: T): T =>
  body.superRefine((value, context) => {
    const unstorable = unstorableWithin(value)
    if (unstorable !== null) context.addIssue(`Expected no ${unstorable}`)
  })

const described = <T extends z.ZodType>(type: T, description: string): T =>
  type.meta({ description })

const text = z.string().optional()
const readOnly = z.string().meta({ readOnly: true })
const time = (description: string) =>
  z.string().meta({ readOnly: true, format: 'date-time', description })

const positiveInteger = z.int().min(0).meta({ id: 'positiveInteger' })
const positiveIntegerDefault0 = z
  .intersection(positiveInteger, z.unknown().meta({ default: 0 }))
  .meta({ id: 'positiveIntegerDefault0' })

const distinct = (texts: z.ZodArray<z.ZodString>) =>
  texts
    .refine((items) => new Set(items).size === items.length, 'Expected no item twice')
    .meta({ id: 'stringArray', uniqueItems: true })
const stringArray = distinct(z.array(z.string()))
/** Under the same name in the schema of a property, which requires something if it says so. */
const filledStringArray = distinct(z.array(z.string()).min(1))

const VALUE_TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'] as const

const valueType = z
  .enum(VALUE_TYPES)
  .nullable()
  .meta({ type: 'string', enum: [...VALUE_TYPES, null] })

/** For a shape that is published as open to other keys, although a body may have none. */
const OPEN = { additionalProperties: undefined }

const propertyFields = {
  title: z.string(),
  description: z.string().optional(),
  operators: z.array(z.string()).optional(),
  type: valueType,
  required: stringArray.optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  maxLength: positiveInteger.optional(),
  minLength: positiveIntegerDefault0.optional(),
  pattern: z.string().meta({ format: 'regex' }).optional(),
  enum: z.array(z.unknown()).optional(),
  readonly: z.boolean().optional(),
  default: z.unknown().optional(),
  items: z
    .strictObject({ type: valueType.optional(), enum: z.array(z.unknown()).optional() })
    .meta(OPEN)
    .optional(),
  maxItems: positiveInteger.optional(),
  minItems: positiveIntegerDefault0.optional(),
  uniqueItems: z.boolean().meta({ default: false }).optional(),
  additionalItems: z.boolean().optional(),
}

/** Properties by their names. */
const properties = z
  .record(name, z.strictObject({ name: name.optional(), ...propertyFields }).meta(OPEN))
  .meta({ id: 'property' })

const propertyShape = z.strictObject({
  name,
  ...propertyFields,
  required: filledStringArray.optional(),
})

export const property = storable(propertyShape)
export type NewProperty = z.output<typeof property>

const objectFields = {
  name,
  description: z.string().optional(),
  required: stringArray.optional(),
  properties: properties.optional(),
}

export const metadefObject = storable(z.strictObject(objectFields))
export type NewObject = z.output<typeof metadefObject>

export const tag = storable(z.strictObject({ name }))

export const tagList = z.strictObject({ tags: z.array(tag) })

const associationFields = {
  name: described(
    name,
    'Resource type names should be aligned with Heat resource types whenever possible',
  ),
  prefix: described(
    associationColumn.prefix.unwrap(),
    'What the names of the properties in the namespace begin with when they are applied to the resource type. Must include its separator, such as a colon.',
  ).optional(),
  properties_target: described(
    associationColumn.properties_target.unwrap(),
    'Which of its key and value pairs are meant, where a resource type has more than one kind of them',
  ).optional(),
}

export const association = storable(z.strictObject(associationFields))
export type NewAssociation = z.output<typeof association>

const namespaceFields = {
  namespace: described(namespaceColumn.namespace, 'The unique namespace text.'),
  display_name: described(
    namespaceColumn.display_name.unwrap(),
    'The user friendly name for the namespace.',
  ).optional(),
  description: described(
    namespaceColumn.description.unwrap(),
    'Provides a user friendly description of the namespace.',
  ).optional(),
  visibility: described(
    z.enum(METADEF_VISIBILITIES),
    'Scope of namespace accessibility.',
  ).optional(),
  protected: described(z.boolean(), 'If true, namespace will not be deletable.').optional(),
  owner: described(namespaceColumn.owner.unwrap(), 'Owner of the namespace.').optional(),
}

/** What is nested keeps the read-only keys that it was shown with: clients send back what they got. */
const contentFields = {
  resource_type_associations: z.array(z.object(associationFields)).optional(),
  properties: properties.optional(),
  objects: z.array(z.object(objectFields)).optional(),
  tags: z.array(z.object({ name })).optional(),
}

export const namespace = storable(z.strictObject({ ...namespaceFields, ...contentFields }))
export type NewNamespace = z.output<typeof namespace>

/** What is nested as it is published: without its limits. */
const publishedContents = {
  resource_type_associations: z
    .array(z.object({ name: text, prefix: text, properties_target: text }))
    .optional(),
  properties: properties.optional(),
  objects: z
    .array(
      z.object({
        name: text,
        description: text,
        required: stringArray.optional(),
        properties: properties.optional(),
      }),
    )
    .optional(),
  tags: z.array(z.object({ name: text })).optional(),
}

/** As they are shown, in the order in which their properties are published. */
export const published = {
  namespace: z.strictObject({
    ...namespaceFields,
    created_at: time('Date and time of namespace creation').optional(),
    updated_at: time('Date and time of the last namespace modification').optional(),
    schema: readOnly.optional(),
    self: readOnly.optional(),
    ...publishedContents,
  }),
  property: propertyShape.meta({ required: ['type', 'title', 'name'] }),
  object: z.strictObject({
    ...objectFields,
    schema: readOnly.optional(),
    self: readOnly.optional(),
    created_at: time('Date and time of object creation').optional(),
    updated_at: time('Date and time of the last object modification').optional(),
  }),
  tag: z.strictObject({
    name,
    created_at: time('Date and time of tag creation').optional(),
    updated_at: time('Date and time of the last tag modification').optional(),
  }),
  resource_type_association: z.strictObject({
    ...associationFields,
    created_at: time('Date and time of resource type association').optional(),
    updated_at: time('Date and time of the last resource type association modification').optional(),
  }),
}
