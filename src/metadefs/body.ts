import type { z } from 'zod'
import { describeIssue } from '../../schema/describe-issue.ts'
import * as shapes from '../../schema/metadef.ts'
import { HeliostatError } from '../errors.ts'

const TIMES = ['created_at', 'updated_at']
const READ_ONLY = ['self', 'schema', ...TIMES]

export const parseNamespace = parser('namespace', shapes.namespace, READ_ONLY)
export const parseProperty = parser('property', shapes.property, TIMES)
export const parseObject = parser('object', shapes.metadefObject, READ_ONLY)
export const parseTag = parser('tag', shapes.tag, TIMES)
export const parseTags = parser('tags', shapes.tagList, TIMES)
export const parseAssociation = parser('resource_type_association', shapes.association, TIMES)

/** Reads a body: a key that only the service writes is refused [403] before anything else is wrong [400]. */
function parser<T>(schema: string, type: z.ZodType<T>, readOnly: string[]) {
  return function parse(body: unknown): T {
    if (typeof body === 'object' && body !== null) {
      const key = readOnly.find((name) => Object.hasOwn(body, name))
      if (key !== undefined) {
        throw new HeliostatError('forbidden', `Attribute '${key}' is read-only.`)
      }
    }
    const parsed = type.safeParse(body)
    if (parsed.success) return parsed.data
    throw new HeliostatError(
      'invalid',
      `Provided object does not match schema '${schema}': ${describeIssue(parsed.error)}`,
    )
  }
}
