/** Images so large that an upload would take minutes, written into the databases. */
import { randomUUID } from 'node:crypto'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import Database from 'libsql'
import { blobChunks, imageLocations, images } from '../schema/tables.ts'
import { type Manifest, manifestDigest } from '../src/blobs/manifest.ts'
import { insertManifest } from '../src/inventory/blobs.ts'
import { openRegistry, type Registry } from '../src/registry/database.ts'
import { openEmbedded } from '../src/registry/embedded.ts'
import { migrate } from '../src/registry/migrate.ts'
import type { Lab } from './lab.ts'
import { STORE } from './population.ts'

const CHUNK = 8 << 20

/** Uses the registry of a site whose data are in that folder, beside the site where that runs. */
export async function withRegistry<T>(
  dataDir: string,
  use: (registry: Registry) => Promise<T>,
): Promise<T> {
  const registry = openRegistry(openEmbedded(join(dataDir, 'registry.db')))
  try {
    await migrate(registry)
    return await use(registry)
  } finally {
    registry.$client.close()
  }
}

/** The digests of the chunks that an image is made of. */
export async function chunksOf(registry: Registry, imageId: string): Promise<(string | null)[]> {
  const rows = await registry
    .select({ digest: blobChunks.digest })
    .from(blobChunks)
    .innerJoin(imageLocations, eq(imageLocations.blob, blobChunks.blob))
    .where(eq(imageLocations.image_id, imageId))
    .orderBy(blobChunks.position)
  return rows.map(({ digest }) => digest)
}

/** An image of these chunks, of which null is one of zeros, and all are whole. Its checksums are made up. */
export async function insertImage(
  registry: Registry,
  chunks: (string | null)[],
): Promise<{ id: string; size: number }> {
  const size = chunks.length * CHUNK
  const hashes = {
    checksum: '0'.repeat(32),
    hashAlgorithm: 'sha512' as const,
    hashValue: '0'.repeat(128),
  }
  const manifest: Manifest = { size, chunkSize: CHUNK, ...hashes, chunks }
  const blob = manifestDigest(manifest)
  const [id, at] = [randomUUID(), Date.now()]
  const times = { created_at: at, updated_at: at }
  await registry.batch([
    ...insertManifest(registry, blob, manifest, at),
    registry.insert(images).values({
      ...{
        id,
        name: 'large',
        disk_format: 'raw',
        container_format: 'bare',
        status: 'active',
        size,
      },
      ...{ checksum: hashes.checksum, os_hash_algo: 'sha512', os_hash_value: hashes.hashValue },
      ...times,
    }),
    registry.insert(imageLocations).values({ image_id: id, store: STORE, blob, ...times }),
  ])
  return { id, size }
}

/** A file of zeros that takes no room. */
export async function sparseFile(
  lab: Lab,
  size: number,
): Promise<{ folder: string; path: string }> {
  const folder = await lab.subfolder('sparse')
  const path = join(folder, 'image')
  await writeFile(path, '')
  await truncate(path, size)
  return { folder, path }
}

/** An image of a Glance whose data are that file; returns its id. */
export function insertIntoGlance(database: string, path: string, size: number): string {
  const id = randomUUID()
  const connection = new Database(database, { timeout: 10_000 })
  const now = new Date().toISOString().replace('T', ' ').replace('Z', '000')
  connection
    .prepare(
      `INSERT INTO images (id, name, size, status, created_at, updated_at, deleted, disk_format,
        container_format, min_disk, min_ram) VALUES (?, 'large', ?, 'active', ?, ?, 0, 'raw', 'bare', 0, 0)`,
    )
    .run(id, size, now, now)
  connection
    .prepare(
      `INSERT INTO image_locations (image_id, value, created_at, updated_at, deleted, meta_data, status)
       VALUES (?, ?, ?, ?, 0, '{"store": "files"}', 'active')`,
    )
    .run(id, `file://${path}`, now, now)
  connection.close()
  return id
}
