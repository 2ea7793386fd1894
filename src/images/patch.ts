import { createSelectSchema } from 'drizzle-zod'
import { z } from 'zod'

import { images } from '../../schema/tables.ts'
import { HeliostatError } from '../errors.ts'
import { refuseUnstorableCharacters } from './characters.ts'
import type { Image, Properties, Visibility } from './image.ts'
import type { PatchDialect, PatchOperation } from './patch-body.ts'
import { protectedProperty } from './protection/properties.ts'
import type { Operation } from './protection/rules.ts'
import { BASE_PROPERTIES } from './reserved.ts'

export interface PatchContext {
  dialect: PatchDialect
  isAdmin: boolean
  /** Throws (403) if the caller may not give an image this visibility. */
  authorizeVisibility(visibility: Visibility): void
  /** Whether the caller may do this with a custom property. One that he may not read is not there for him. */
  allows(operation: Operation, name: string): boolean
}

type Assignment = Exclude<PatchOperation, { op: 'remove' }>
type Setter = (value: unknown, image: Image, context: PatchContext) => Partial<Image>

/** The image that is being made. Its properties are apart, so that each operation takes the same time. */
interface Draft {
  image: Image
  properties: Map<string, Properties[string]>
}

const LOCATIONS_VERBS = { add: 'add', remove: 'remove', replace: 'update' } as const

/** A value has already passed the image schema, so a failure of these is our fault, and a 500. */
const { shape } = createSelectSchema(images)
const tagList = z.array(z.string())
const customValue = z.string().nullable()

/** How each base property that a client may set is set. */
const SETTERS: ReadonlyMap<string, Setter> = new Map<string, Setter>([
  ['name', (value) => ({ name: shape.name.parse(value) })],
  ['visibility', setVisibility],
  ['protected', (value) => ({ protected: shape.protected.parse(value) })],
  ['min_ram', (value) => ({ min_ram: shape.min_ram.parse(value) })],
  ['min_disk', (value) => ({ min_disk: shape.min_disk.parse(value) })],
  ['os_hidden', (value) => ({ os_hidden: shape.os_hidden.parse(value) })],
  ['owner', setOwner],
  ['tags', setTags],
  ['disk_format', setDiskFormat],
  ['container_format', setContainerFormat],
])

/**
 * Returns the image that results from the operations, done in their order. It throws at the first
 * one that is refused, and never changes the image it was given. Quotas are the caller's.
 */
export function applyPatch(
  image: Image,
  operations: PatchOperation[],
  context: PatchContext,
): Image {
  const draft = { image: { ...image }, properties: new Map(Object.entries(image.properties)) }
  for (const operation of operations) applyOperation(draft, operation, context)
  return { ...draft.image, properties: Object.fromEntries(draft.properties) }
}

function applyOperation(draft: Draft, operation: PatchOperation, context: PatchContext): void {
  if (operation.name === 'locations') throw refusedLocations(operation)
  if (operation.op === 'remove') return removeProperty(draft, operation.name, context)
  refuseWrongPresence(draft, operation, context)
  refuseUnstorableCharacters({ [operation.name]: operation.value })
  const set = SETTERS.get(operation.name)
  if (set) Object.assign(draft.image, set(operation.value, draft.image, context))
  else setCustomProperty(draft, operation, context)
}

/** `replace` needs the property. `add` overwrites it in v2.1 (RFC 6902), and refuses to in v2.0. */
function refuseWrongPresence(draft: Draft, { op, name }: Assignment, context: PatchContext): void {
  const present = BASE_PROPERTIES.has(name) || isThere(draft, name, context)
  if (op === 'replace' && !present) throw absent(name)
  if (op === 'add' && present && context.dialect === 'v2.0') {
    throw new HeliostatError('conflict', `Property ${name} already present.`)
  }
}

function isThere({ properties }: Draft, name: string, context: PatchContext): boolean {
  return properties.has(name) && context.allows('read', name)
}

function removeProperty(draft: Draft, name: string, context: PatchContext): void {
  if (BASE_PROPERTIES.has(name)) {
    throw new HeliostatError('forbidden', `Property ${name} may not be removed.`)
  }
  if (!isThere(draft, name, context)) throw absent(name)
  if (!context.allows('delete', name)) throw protectedProperty(name)
  draft.properties.delete(name)
}

function setCustomProperty(draft: Draft, { name, value }: Assignment, context: PatchContext): void {
  // An unreadable one may be added as if it were new, but never be overwritten without the permission to.
  const isNew = !isThere(draft, name, context)
  const overwrites = draft.properties.has(name)
  if (isNew && !context.allows('create', name)) throw protectedProperty(name)
  if (overwrites && !context.allows('update', name)) throw protectedProperty(name)
  draft.properties.set(name, customValue.parse(value))
}

/** A tag that came by its own path may have characters that none in a body may have: it can be kept. */
function setTags(value: unknown, image: Image): Partial<Image> {
  const tags = new Set(tagList.parse(value))
  const present = new Set(image.tags)
  for (const tag of tags) if (!present.has(tag)) refuseUnstorableCharacters({ tags: tag })
  return { tags: [...tags] }
}

function setVisibility(value: unknown, _image: Image, context: PatchContext): Partial<Image> {
  const visibility = shape.visibility.parse(value)
  context.authorizeVisibility(visibility)
  return { visibility }
}

function setOwner(value: unknown, _image: Image, { isAdmin }: PatchContext): Partial<Image> {
  if (!isAdmin) throw new HeliostatError('forbidden', "Owner can't be updated by non admin.")
  return { owner: shape.owner.parse(value) }
}

function setDiskFormat(value: unknown, { status }: Image): Partial<Image> {
  if (status !== 'queued') throw fixedFormat('disk_format')
  return { disk_format: shape.disk_format.parse(value) }
}

function setContainerFormat(value: unknown, { status }: Image): Partial<Image> {
  if (status !== 'queued') throw fixedFormat('container_format')
  return { container_format: shape.container_format.parse(value) }
}

/** Even the same format is refused: the stored bytes were checked against it. */
function fixedFormat(name: string): HeliostatError {
  const message = `Attribute ${name} can be only replaced for a queued image.`
  return new HeliostatError('forbidden', message)
}

function absent(name: string): HeliostatError {
  return new HeliostatError('conflict', `Property ${name} does not exist.`)
}

/** Glance with `show_multiple_locations` off, its default, and the only mode that we have. */
function refusedLocations(operation: PatchOperation): HeliostatError {
  const { op } = operation
  if (op === 'replace' && Array.isArray(operation.value) && operation.value.length === 0) {
    return new HeliostatError('forbidden', 'Cannot set locations to empty list.')
  }
  const refused = `${LOCATIONS_VERBS[op]} locations if locations are invisible.`
  return new HeliostatError('forbidden', `It's not allowed to ${refused}`)
}
