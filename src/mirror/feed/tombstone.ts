import type { ImageRecord } from './records.ts'

/**
 * What is told of an image whose row was purged: only that it is deleted. Or an edge that slept through its deletion
 * would go on serving it.
 */
export function tombstone(id: string, at: number): ImageRecord {
  return {
    id,
    name: null,
    disk_format: null,
    container_format: null,
    size: null,
    virtual_size: null,
    status: 'deleted',
    visibility: 'private',
    checksum: null,
    os_hash_algo: null,
    os_hash_value: null,
    min_disk: 0,
    min_ram: 0,
    owner: null,
    protected: false,
    os_hidden: false,
    created_at: at,
    updated_at: at,
    deleted_at: at,
    tags: [],
    properties: {},
    members: [],
    blob: null,
  }
}
