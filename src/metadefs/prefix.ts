import { HeliostatError } from '../errors.ts'
import type { Namespace } from '../registry/metadef-contents.ts'

/** The namespace as it applies to a resource type: its property names begin with the prefix that they have there. */
export function applyPrefix(namespace: Namespace, resourceType: string): Namespace {
  const prefix = findAssociation(namespace, resourceType)?.prefix ?? ''
  const prefixed = <T>(definitions: Record<string, T>): Record<string, T> =>
    Object.fromEntries(
      Object.entries(definitions).map(([name, definition]) => [prefix + name, definition]),
    )
  return {
    ...namespace,
    properties: namespace.properties.map((property) => ({
      ...property,
      name: prefix + property.name,
    })),
    objects: namespace.objects.map((object) => ({
      ...object,
      required: object.required && object.required.map((name) => prefix + name),
      json_schema: object.json_schema && prefixed(object.json_schema),
    })),
  }
}

/** The name that a property has in its namespace [404]. */
export function removePrefix(namespace: Namespace, resourceType: string, name: string): string {
  const association = findAssociation(namespace, resourceType)
  if (!association) {
    throw new HeliostatError(
      'not-found',
      `The metadata definition resource-type association of resource-type=${resourceType} to namespace=${namespace.namespace}, was not found.`,
    )
  }
  const prefix = association.prefix ?? ''
  if (name.startsWith(prefix)) return name.slice(prefix.length)
  throw new HeliostatError(
    'not-found',
    `Property ${name} does not start with the expected resource type association prefix of '${prefix}'.`,
  )
}

function findAssociation({ associations }: Namespace, resourceType: string) {
  return associations.find(({ resource_type }) => resource_type === resourceType)
}
