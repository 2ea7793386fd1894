import { type SQL, sql } from 'drizzle-orm'
import type { Registry } from '../registry/database.ts'
import type { StorageSpace } from './storage-quota.ts'

/** What the images of an owner take. Those that wait for their deletion count, deleted ones don't. */
export interface Usage {
  /** Size times locations, of all of them. */
  storedBytes: number
  /** Sizes of those whose data waits to be imported. */
  stagedBytes: number
  images: number
  /** Those whose data is coming in. */
  uploading: number
}

/** Spelled like the index on usage, which it needs. */
const EXISTING = sql`i.status NOT IN ('killed', 'deleted')`

/** A copy to another store uses the staging area again, although the image is active. */
const COPYING = sql`EXISTS (
  SELECT 1 FROM image_properties p
  WHERE p.image_id = i.id AND p.name = 'os_glance_importing_to_stores' AND p.value <> ''
)`

const STORED = sql<number>`coalesce(sum(i.size * (
  SELECT count(*) FROM image_locations l WHERE l.image_id = i.id AND l.status <> 'deleted'
)), 0)`

/** The bytes that the images of an owner (null: of nobody) take, as part of a statement. */
export function storedBytes(owner: SQL): SQL {
  return sql`(SELECT ${STORED} FROM images i WHERE i.owner IS ${owner} AND ${EXISTING})`
}

/** What an owner may take of `quota` bytes; null where that is no limit. */
export async function spaceFor(
  registry: Registry,
  owner: string | null,
  quota: number,
): Promise<StorageSpace | null> {
  if (quota === Infinity) return null
  return { quota, used: (await usageOf(registry, owner)).storedBytes }
}

/** What there is of an owner's images at this moment. */
export async function usageOf(registry: Registry, owner: string | null): Promise<Usage> {
  const found = await registry
    .select({
      storedBytes: STORED,
      stagedBytes: sql<number>`coalesce(sum(i.size) FILTER (
        WHERE i.status IN ('uploading', 'importing') OR ${COPYING}), 0)`,
      images: sql<number>`count(*)`,
      uploading: sql<number>`count(*) FILTER (
        WHERE i.status IN ('saving', 'uploading', 'importing') OR ${COPYING})`,
    })
    .from(sql`images i`)
    .where(sql`i.owner IS ${owner} AND ${EXISTING}`)
    .get()
  return found ?? { storedBytes: 0, stagedBytes: 0, images: 0, uploading: 0 }
}
