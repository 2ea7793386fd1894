import { wireTime } from '../wire-time.ts'
import type { Image } from './image.ts'

/** The image as clients see it, with what they may know of its copies. A base key wins over a custom property of its name. */
export function toWire(
  image: Image,
  copies: Record<string, unknown> = {},
): Record<string, unknown> {
  const path = `/v2/images/${image.id}`
  const wire: Record<string, unknown> = {
    name: image.name,
    disk_format: image.disk_format,
    container_format: image.container_format,
    visibility: image.visibility,
    size: image.size,
    virtual_size: image.virtual_size,
    status: image.status,
    checksum: image.checksum,
    protected: image.protected,
    min_ram: image.min_ram,
    min_disk: image.min_disk,
    owner: image.owner,
    os_hidden: image.os_hidden,
    os_hash_algo: image.os_hash_algo,
    os_hash_value: image.os_hash_value,
    id: image.id,
    created_at: wireTime(image.created_at),
    updated_at: wireTime(image.updated_at),
    tags: image.tags,
    self: path,
    file: `${path}/file`,
    schema: '/v2/schemas/image',
  }
  Object.assign(wire, copies)
  // Added rather than spread before the others: engines make the fixed keys fast only while they come first.
  for (const [name, value] of Object.entries(image.properties)) {
    if (!Object.hasOwn(wire, name)) wire[name] = value
  }
  return wire
}
