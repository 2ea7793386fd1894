import { HeliostatError } from '../errors.ts'
import type { ContentKind, Entry, Namespace } from '../registry/metadef-contents.ts'

interface Kind {
  /** What a message calls one of them. */
  noun: string
  absent(name: string): string
  duplicate(name: string, namespace: string): string
}

const KINDS: Record<ContentKind, Kind> = {
  properties: {
    noun: 'property',
    absent: (name) => `Could not find property ${name}`,
    duplicate: (name, namespace) =>
      `A metadata definition property with name=${name} already exists in namespace=${namespace}.`,
  },
  objects: {
    noun: 'object',
    absent: (name) => `Could not find metadata object ${name}`,
    duplicate: (name, namespace) =>
      `A metadata definition object with name=${name} already exists in namespace=${namespace}.`,
  },
  tags: {
    noun: 'tag',
    absent: (name) => `Could not find metadata tag ${name}`,
    duplicate: (name, namespace) =>
      `A metadata tag with name=${name} already exists in namespace=${namespace}. (Please note that metadata tag names are case insensitive).`,
  },
  associations: {
    noun: 'resource-type-association',
    absent: (name) => `Failed to find resource type ${name} to delete`,
    duplicate: (name, namespace) =>
      `The metadata definition resource-type association of resource-type=${name} to namespace=${namespace} already exists.`,
  },
}

export function absent(kind: ContentKind, name: string): HeliostatError {
  return new HeliostatError('not-found', KINDS[kind].absent(name))
}

export function duplicate(kind: ContentKind, name: string, namespace: string): HeliostatError {
  return new HeliostatError('conflict', KINDS[kind].duplicate(name, namespace))
}

/** Nothing of a protected namespace is deleted; what is in it may be changed and added to [403]. */
export function refuseProtected(namespace: Namespace, kind?: ContentKind, name?: string): void {
  if (!namespace.protected) return
  const what = kind ? `${KINDS[kind].noun} ${name}` : `namespace ${namespace.namespace}`
  throw new HeliostatError(
    'forbidden',
    `Metadata definition ${what} is protected and cannot be deleted.`,
  )
}

export function nameOf(entry: Entry): string {
  return 'name' in entry ? entry.name : entry.resource_type
}

/** The entry of this name [404]. */
export function findEntry<Kind extends ContentKind>(
  namespace: Namespace,
  kind: Kind,
  name: string,
): Entry<Kind> {
  const entries: Entry<Kind>[] = namespace[kind]
  const found = entries.find((entry) => nameOf(entry) === name)
  if (!found) throw absent(kind, name)
  return found
}
