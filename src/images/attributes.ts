import type { z } from 'zod'
import { describeIssue } from '../../schema/describe-issue.ts'
import type { ImageDefinition } from '../../schema/image.ts'
import { HeliostatError } from '../errors.ts'
import { refuseUnstorableCharacters } from './characters.ts'
import { refuseProtectedOnCreate } from './reserved.ts'

const MAX_INTEGER = 2 ** 31 - 1
const MAX_PROPERTY_NAME = 255

export type NewImage = z.output<ImageDefinition['create']>

/** Turns the attributes that a client sends into typed values, by the image schema. */
export interface Attributes {
  /** The body of a create: protected keys [403] are refused before anything is looked at more closely [400]. */
  parseNew(body: unknown): NewImage
  /** The value of one attribute in a PATCH. */
  parseValue(name: string, value: unknown): unknown
}

export function createAttributes(definition: ImageDefinition): Attributes {
  return {
    parseNew(body) {
      if (!isObject(body)) throw schemaMismatch('Expected an object')
      Object.keys(body).forEach(refuseProtectedOnCreate)
      const { os_hash_algo: _algo, os_hash_value: _value, ...attributes } = body
      const image = parse(definition.create, attributes)
      for (const [name, value] of Object.entries(attributes)) checkValue(name, value)
      refuseUnstorableCharacters(attributes)
      for (const tag of image.tags ?? []) refuseUnstorableCharacters({ tags: tag })
      return image
    },

    parseValue(name, value) {
      const parsed = parse(definition.attribute(name), value, name)
      checkValue(name, value)
      return parsed
    },
  }
}

function isObject(body: unknown): body is Record<string, unknown> {
  return typeof body === 'object' && body !== null && !Array.isArray(body)
}

function parse<T>(type: z.ZodType<T>, value: unknown, name?: string): T {
  const parsed = type.safeParse(value)
  if (parsed.success) return parsed.data
  throw schemaMismatch(describeIssue(parsed.error, name))
}

/** For a value that the image schema does not allow [400]. */
export function schemaMismatch(reason: string): HeliostatError {
  return new HeliostatError('invalid', `Provided object does not match schema 'image': ${reason}`)
}

function checkValue(name: string, value: unknown): void {
  if (name.length > MAX_PROPERTY_NAME) {
    throw new HeliostatError(
      'invalid',
      `Custom property should not be greater than ${MAX_PROPERTY_NAME} characters.`,
    )
  }
  if (name === 'min_disk' || name === 'min_ram') refuseOutOfRange(name, Number(value))
}

function refuseOutOfRange(name: string, value: number): void {
  if (value < 0) {
    throw new HeliostatError(
      'invalid',
      `Invalid value '${value}' for parameter '${name}': Cannot be a negative value`,
    )
  }
  if (value > MAX_INTEGER) {
    throw new HeliostatError(
      'invalid',
      `'${name}' value out of range, must not exceed ${MAX_INTEGER}.`,
    )
  }
}
