import { and, eq, inArray, notInArray, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import {
  blobChunks,
  blobs,
  imageLocations,
  imageMembers,
  imageProperties,
  images,
  imageTags,
  site,
} from '../../schema/tables.ts'
import type { Manifest } from '../blobs/manifest.ts'
import type { Registry } from '../registry/database.ts'
import { announceImage } from './feed.ts'
import type { ImageRecord } from './record.ts'

type Statement = BatchItem<'sqlite'>

/** SQLite binds at most 32,766 values a statement. */
const CHUNK_ROWS = 5000

/** Where this site is in the feed of the one it follows. */
export interface Cursor {
  epoch: string
  seq: number
  /** The sites that are followed, nearest first. */
  sites: string[]
}

/** The registry of an edge, which only the feed changes. */
export type Replica = ReturnType<typeof createReplica>

export function createReplica(registry: Registry) {
  return {
    async cursor(): Promise<Cursor | null> {
      const rows = await registry.select().from(site)
      const known = new Map(rows.map(({ key, value }) => [key, value]))
      const epoch = known.get('upstream_epoch')
      if (epoch === undefined) return null
      const sites = known.get('upstream_sites')?.split(' ') ?? []
      return { epoch, seq: Number(known.get('cursor') ?? 0), sites }
    },

    /** Which of the blobs are not known yet. */
    async missingBlobs(digests: string[]): Promise<string[]> {
      if (digests.length === 0) return []
      const rows = await registry
        .select({ digest: blobs.digest })
        .from(blobs)
        .where(inArray(blobs.digest, digests))
      const known = new Set(rows.map(({ digest }) => digest))
      return [...new Set(digests)].filter((digest) => !known.has(digest))
    },

    /** Takes over records, with the manifests that are new and, if given, the cursor: all or nothing. */
    async apply(
      records: ImageRecord[],
      manifests: Map<string, Manifest>,
      cursor: Cursor | null,
    ): Promise<void> {
      const now = Date.now()
      const statements = [
        ...[...manifests].flatMap(([digest, manifest]) =>
          insertBlob(registry, { digest, manifest, now }),
        ),
        ...records.flatMap((image) => replaceImage(registry, image, now)),
        ...(cursor ? saveCursor(registry, cursor) : []),
      ]
      const [first, ...rest] = statements
      if (first) await registry.batch([first, ...rest])
    },

    /** Forgets every image but these: what a snapshot does not have was gone before it. */
    async keepOnly(ids: string[]): Promise<void> {
      const kept = sql`SELECT value FROM json_each(${JSON.stringify(ids)})`
      const others = sql`${imageLocations.image_id} NOT IN (${kept})`
      await registry.batch([
        registry
          .update(blobs)
          .set({ released_at: Date.now() })
          .where(
            sql`${blobs.digest} IN (SELECT ${imageLocations.blob} FROM ${imageLocations} WHERE ${others})`,
          ),
        registry.delete(images).where(sql`${images.id} NOT IN (${kept})`),
        // The own feed does not tell of these: whoever follows it has to take a snapshot too.
        registry.delete(site).where(eq(site.key, 'epoch')),
      ])
    },
  }
}

function insertBlob(
  registry: Registry,
  { digest, manifest, now }: { digest: string; manifest: Manifest; now: number },
): Statement[] {
  const { size, chunkSize, checksum, hashAlgorithm, hashValue, chunks } = manifest
  const rows = chunks.map((chunk, position) => ({ blob: digest, position, digest: chunk }))
  const pages = Array.from({ length: Math.ceil(rows.length / CHUNK_ROWS) }, (_, page) =>
    rows.slice(page * CHUNK_ROWS, (page + 1) * CHUNK_ROWS),
  )
  return [
    registry
      .insert(blobs)
      .values({
        digest,
        size,
        chunk_size: chunkSize,
        checksum,
        hash_algo: hashAlgorithm,
        hash_value: hashValue,
        created_at: now,
      })
      .onConflictDoNothing(),
    ...pages.map((page) => registry.insert(blobChunks).values(page).onConflictDoNothing()),
  ]
}

function replaceImage(registry: Registry, image: ImageRecord, now: number): Statement[] {
  const { tags, properties, members, blob, ...row } = image
  const { id } = row
  const tagRows = tags.map((value) => ({ image_id: id, value }))
  const memberRows = members.map((member) => ({ image_id: id, ...member }))
  const propertyRows = Object.entries(properties).map(([name, value]) => ({
    image_id: id,
    name,
    value,
  }))
  return [
    registry.insert(images).values(row).onConflictDoUpdate({ target: images.id, set: row }),
    registry.delete(imageTags).where(eq(imageTags.image_id, id)),
    ...(tagRows.length > 0 ? [registry.insert(imageTags).values(tagRows)] : []),
    registry.delete(imageProperties).where(eq(imageProperties.image_id, id)),
    ...(propertyRows.length > 0 ? [registry.insert(imageProperties).values(propertyRows)] : []),
    registry.delete(imageMembers).where(eq(imageMembers.image_id, id)),
    ...(memberRows.length > 0 ? [registry.insert(imageMembers).values(memberRows)] : []),
    ...replaceLocation(registry, { id, blob, now }),
    announceImage(registry, id, now),
  ]
}

function replaceLocation(
  registry: Registry,
  { id, blob, now }: { id: string; blob: string | null; now: number },
): Statement[] {
  const mine = and(
    eq(imageLocations.image_id, id),
    blob === null ? undefined : notInArray(imageLocations.blob, [blob]),
  )
  const leaving = sql`SELECT ${imageLocations.blob} FROM ${imageLocations} WHERE ${mine}`
  const shared = sql`SELECT 1 FROM ${imageLocations}
    WHERE ${imageLocations.blob} = ${blobs.digest} AND ${imageLocations.image_id} <> ${id}`
  const release = registry
    .update(blobs)
    .set({ released_at: now })
    .where(and(sql`${blobs.digest} IN (${leaving})`, sql`NOT EXISTS (${shared})`))
  const remove = registry.delete(imageLocations).where(mine)
  if (blob === null) return [release, remove]
  const held = sql`EXISTS (SELECT 1 FROM ${imageLocations} WHERE ${imageLocations.image_id} = ${id})`
  return [
    release,
    remove,
    registry
      .insert(imageLocations)
      .select(
        sql`SELECT NULL, ${id}, ${blob}, NULL, '{}', 'active', ${now}, ${now} WHERE NOT ${held}`,
      ),
    registry.update(blobs).set({ released_at: null }).where(eq(blobs.digest, blob)),
  ]
}

function saveCursor(registry: Registry, { epoch, seq, sites }: Cursor): Statement[] {
  const values = { upstream_epoch: epoch, cursor: String(seq), upstream_sites: sites.join(' ') }
  return [
    registry
      .insert(site)
      .values(Object.entries(values).map(([key, value]) => ({ key, value })))
      .onConflictDoUpdate({ target: site.key, set: { value: sql`excluded.value` } }),
  ]
}
