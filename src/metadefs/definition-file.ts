import { describeIssue } from '../../schema/describe-issue.ts'
import { namespace as shape, type NewNamespace } from '../../schema/metadef.ts'
import { HeliostatError } from '../errors.ts'
import { reasonOf } from '../reason.ts'
import type { Namespace } from '../registry/metadef-contents.ts'
import { withoutNulls } from '../without-nulls.ts'

/** Reads the text of a definition file, one namespace with all that it holds; throws `invalid` with what is wrong. */
export function parseDefinitionFile(text: string): NewNamespace {
  const parsed = shape.safeParse(withoutNulls(parseJson(text)))
  if (parsed.success) return parsed.data
  throw new HeliostatError(
    'invalid',
    `not a namespace of definitions: ${describeIssue(parsed.error)}`,
  )
}

/** The file that a namespace comes from, in the form in which all of it can be loaded again. */
export function toDefinitionFile(namespace: Namespace): string {
  const { properties, objects, tags, associations } = namespace
  const document = withoutNulls({
    namespace: namespace.namespace,
    display_name: namespace.display_name,
    description: namespace.description,
    visibility: namespace.visibility,
    protected: namespace.protected,
    owner: namespace.owner,
    resource_type_associations: associations.map(
      ({ resource_type: name, prefix, properties_target }) => ({ name, prefix, properties_target }),
    ),
    properties: Object.fromEntries(properties.map(({ name, json_schema }) => [name, json_schema])),
    objects: objects.map(({ name, description, required, json_schema }) => ({
      name,
      description,
      required,
      properties: json_schema,
    })),
    tags: tags.map(({ name }) => ({ name })),
  })
  return `${JSON.stringify(document, null, 4)}\n`
}

/** The name that Glance gives the file: what is shown of the namespace, letters and digits only. */
export function fileNameOf({ display_name, namespace }: Namespace): string {
  return onlyLetters(display_name ?? '') || onlyLetters(namespace) || 'namespace'
}

function onlyLetters(text: string): string {
  return text.replace(/[^\p{L}\p{N}]+/gu, '')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new HeliostatError('invalid', `not JSON: ${reasonOf(cause)}`)
  }
}
