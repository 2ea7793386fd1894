import { HeliostatError } from '../errors.ts'
import type { Caller } from '../identity/caller.ts'
import { type Access, targetOf } from './access.ts'
import type { NewImage } from './attributes.ts'
import type { Image, Properties } from './image.ts'

/** The record that a create makes. */
export function newImage(given: NewImage, caller: Caller, now: number): Image {
  const { id, name, owner, visibility = 'shared', disk_format, container_format, ...rest } = given
  const { min_disk = 0, min_ram = 0, protected: isProtected = false, os_hidden = false } = rest
  return {
    id: id ?? crypto.randomUUID(),
    name: name ?? null,
    disk_format: disk_format ?? null,
    container_format: container_format ?? null,
    size: null,
    virtual_size: null,
    status: 'queued',
    visibility,
    checksum: null,
    os_hash_algo: null,
    os_hash_value: null,
    min_disk,
    min_ram,
    owner: owner === undefined ? caller.projectId : owner,
    protected: isProtected,
    os_hidden,
    created_at: now,
    updated_at: now,
    deleted_at: null,
    tags: [...new Set(given.tags)],
    properties: customProperties(rest),
  }
}

const SETTABLE: ReadonlySet<string> = new Set([
  'min_disk',
  'min_ram',
  'protected',
  'os_hidden',
  'tags',
])

function customProperties(attributes: Record<string, unknown>): Properties {
  const properties: Properties = {}
  for (const [name, value] of Object.entries(attributes)) {
    if (SETTABLE.has(name)) continue
    if (typeof value === 'string' || value === null) properties[name] = value
  }
  return properties
}

/** Refuses a record that the caller may not make [403]. */
export function authorizeNew(
  access: Pick<Access, 'require' | 'requireVisibility'>,
  caller: Caller,
  image: Image,
): void {
  if (image.owner !== caller.projectId && !caller.isAdmin) {
    throw new HeliostatError(
      'forbidden',
      `You are not permitted to create images owned by '${image.owner ?? 'None'}'`,
    )
  }
  access.require('add_image', caller, targetOf(image))
  access.requireVisibility(image.visibility, caller, image)
}
