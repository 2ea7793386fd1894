import { createSelectSchema } from 'drizzle-zod'
import { z } from 'zod'

import { images } from '../../schema/tables.ts'
import { HeliostatError } from '../errors.ts'
import { refuseUnstorableCharacters } from './characters.ts'
import type { Image, Visibility } from './image.ts'
import type { PatchDialect, PatchOperation } from './patch-body.ts'
import { protectedProperty } from './property-protection.ts'
import type { Operation } from './protection-rules.ts'
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

const MAX_PROPERTY_NAME = 255

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
  ['tags', (value) => ({ tags: [...new Set(tagList.parse(value))] })],
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
  const copy = { ...image }
  return operations.reduce((draft, operation) => applyOperation(draft, operation, context), copy)
}

function applyOperation(image: Image, operation: PatchOperation, context: PatchContext): Image {
  if (operation.name === 'locations') throw refusedLocations(operation)
  if (operation.op === 'remove') return removeProperty(image, operation.name, context)
  refuseWrongPresence(image, operation, context)
  refuseUnstorableCharacters({ [operation.name]: operation.value })
  const set = SETTERS.get(operation.name)
  if (set) return { ...image, ...set(operation.value, image, context) }
  return setCustomProperty(image, operation, context)
}

/** `replace` needs the property. `add` overwrites it in v2.1 (RFC 6902), and refuses to in v2.0. */
function refuseWrongPresence(image: Image, { op, name }: Assignment, context: PatchContext): void {
  const present = BASE_PROPERTIES.has(name) || isThere(image, name, context)
  if (op === 'replace' && !present) throw absent(name)
  if (op === 'add' && present && context.dialect === 'v2.0') {
    throw new HeliostatError('conflict', `Property ${name} already present.`)
  }
}

function isThere({ properties }: Image, name: string, context: PatchContext): boolean {
  return Object.hasOwn(properties, name) && context.allows('read', name)
}

function removeProperty(image: Image, removed: string, context: PatchContext): Image {
  if (BASE_PROPERTIES.has(removed)) {
    throw new HeliostatError('forbidden', `Property ${removed} may not be removed.`)
  }
  if (!isThere(image, removed, context)) throw absent(removed)
  if (!context.allows('delete', removed)) throw protectedProperty(removed)
  const kept = Object.entries(image.properties).filter(([name]) => name !== removed)
  return { ...image, properties: Object.fromEntries(kept) }
}

function setCustomProperty(
  image: Image,
  { name, value }: Assignment,
  context: PatchContext,
): Image {
  // Glance does not check this in a PATCH, and then fails in the database.
  if (name.length > MAX_PROPERTY_NAME) {
    const message = `Custom property should not be greater than ${MAX_PROPERTY_NAME} characters.`
    throw new HeliostatError('invalid', message)
  }
  // An unreadable one may be added as if it were new, but never be overwritten without the permission to.
  const isNew = !isThere(image, name, context)
  const overwrites = Object.hasOwn(image.properties, name)
  if (isNew && !context.allows('create', name)) throw protectedProperty(name)
  if (overwrites && !context.allows('update', name)) throw protectedProperty(name)
  return { ...image, properties: { ...image.properties, [name]: customValue.parse(value) } }
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
