/** Images by the hundred thousand, straight into the databases: made by requests they would take hours. */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { type SQL, sql } from 'drizzle-orm'
import Database from 'libsql'
import {
  blobChunks,
  blobs,
  imageLocations,
  imageProperties,
  images,
  imageTags,
} from '../schema/tables.ts'
import type { Registry } from '../src/registry/database.ts'
import { insertSelected } from '../src/registry/insert-selected.ts'

/** As many as the database is given in one batch. */
const AT_ONCE = 100_000
const CHUNK = 8 << 20
const BEGINNING = Date.UTC(2024, 0, 1)
const PROJECTS = 100

/** The id of the one store that a site has which names none. */
export const STORE = 'file'

const STATEMENTS = {
  // Scattered, as random ids are.
  id: `printf('%08x-%04x-4000-8000-%012x', (i * 2654435761) % 4294967296, i % 65536, i)`,
  name: `printf('%s-%d', CASE i % 4 WHEN 0 THEN 'debian' WHEN 1 THEN 'ubuntu' WHEN 2 THEN 'fedora' ELSE 'app' END, i)`,
  size: `1048576 + (i * 7919) % 8000000`,
  visibility: `CASE i % 10 WHEN 0 THEN 'public' WHEN 1 THEN 'community' WHEN 2 THEN 'shared' ELSE 'private' END`,
  status: `CASE i % 20 WHEN 0 THEN 'deactivated' ELSE 'active' END`,
  project: `printf('%032x', i % ${PROJECTS})`,
  created: `${BEGINNING} + i * 1000`,
  digest: `printf('%08x%056x', (i * 2654435761) % 4294967296, i)`,
  checksum: `printf('%032x', i)`,
  hash: `printf('%0128x', i)`,
}

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')
const scattered = (number: number) => hex(Number((BigInt(number) * 2654435761n) % 4294967296n), 8)

/** The id of the image with that number, as the database makes it. */
export function imageIdOf(number: number): string {
  return `${scattered(number)}-${hex(number % 65536, 4)}-4000-8000-${hex(number, 12)}`
}

/** The chunk of the image with that number. */
function chunkOf(number: number): string {
  return `${scattered(number)}${hex(number, 56)}`
}

/** Makes a file for each chunk, which are empty: a sweeper only looks at their names. */
export function populateStore(dataDir: string, count: number): void {
  const folders = new Set<string>()
  for (let number = 0; number < count; number++) {
    const chunk = chunkOf(number)
    const folder = join(dataDir, 'chunks', chunk.slice(0, 2))
    if (!folders.has(folder)) mkdirSync(folder, { recursive: true })
    folders.add(folder)
    closeSync(openSync(join(folder, chunk), 'wx'))
  }
}

/** The project that has every hundredth image. */
export const POPULATED_PROJECT: string = '0'.repeat(32)

/**
 * Puts so many images into a registry that is empty and in use by nobody, each with properties, a tag, a location and a
 * blob of one chunk. Indexes are made when all is there, and what breaks off leaves a database of no use: otherwise it
 * takes several times as long.
 */
export async function populate(registry: Registry, count: number): Promise<void> {
  const { $client: client } = registry
  const { rows } = await client.execute(
    `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`,
  )
  const drops = rows.map((row) => `DROP INDEX ${String(row[0])};`)
  const fast = 'PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000;'
  await client.executeMultiple([fast, ...drops].join('\n'))
  for (let from = 0; from < count; from += AT_ONCE) {
    const [first, ...rest] = insertions(registry, from, Math.min(from + AT_ONCE, count))
    if (first) await registry.batch([first, ...rest])
  }
  const creations = rows.map((row) => `${String(row[1])};`)
  await client.executeMultiple([...creations, 'PRAGMA journal_mode = WAL;'].join('\n'))
}

function insertions(registry: Registry, from: number, to: number) {
  const { id, name, size, visibility, status, project, created, digest, checksum, hash } =
    expressions()
  const numbers = sql`FROM (${sql.raw(numbersOf(from, to))}) WHERE true`
  const property = (key: string, value: SQL) =>
    insertSelected(registry, imageProperties, { image_id: id, name: key, value }, numbers)
  const times = { created_at: created, updated_at: created }
  const hashes = { checksum, hash_algo: 'sha512' as const, hash_value: hash }
  const common = { disk_format: 'raw', container_format: 'bare', os_hash_algo: 'sha512' }
  const record = {
    ...common,
    id,
    name,
    size,
    status,
    visibility,
    checksum,
    owner: project,
    ...times,
  }
  const blob = { digest, size, chunk_size: CHUNK, ...hashes, created_at: created }
  return [
    insertSelected(registry, images, { ...record, os_hash_value: hash }, numbers),
    property('os_distro', name),
    property('hw_disk_bus', sql`'virtio'`),
    insertSelected(registry, imageTags, { image_id: id, value: 'bench' }, numbers),
    insertSelected(registry, blobs, blob, numbers),
    insertSelected(registry, blobChunks, { blob: digest, position: 0, digest }, numbers),
    insertSelected(
      registry,
      imageLocations,
      { image_id: id, store: STORE, blob: digest, metadata: sql`'{}'`, ...times },
      numbers,
    ),
  ]
}

function expressions() {
  const entries = Object.entries(STATEMENTS).map(([name, text]) => [name, sql.raw(text)])
  return Object.fromEntries(entries) as Record<keyof typeof STATEMENTS, SQL>
}

function numbersOf(from: number, to: number): string {
  return `WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${to}) SELECT i FROM n`
}

/** The same images in the database of a Glance, which must not be running. */
export function populateGlance(path: string, count: number): void {
  const { id, name, size, visibility, status, project, created, checksum, hash } = STATEMENTS
  const time = `strftime('%Y-%m-%d %H:%M:%S.000000', (${created}) / 1000, 'unixepoch')`
  const numbers = `FROM (${numbersOf(0, count)})`
  const property = (key: string, value: string) =>
    `INSERT INTO image_properties (image_id, name, value, created_at, updated_at, deleted)
     SELECT ${id}, '${key}', ${value}, ${time}, ${time}, 0 ${numbers};`
  const database = new Database(path)
  database.exec(`BEGIN;
    INSERT INTO images (id, name, size, status, created_at, updated_at, deleted, disk_format,
      container_format, checksum, owner, min_disk, min_ram, visibility, os_hash_algo, os_hash_value)
    SELECT ${id}, ${name}, ${size}, ${status}, ${time}, ${time}, 0, 'raw',
      'bare', ${checksum}, ${project}, 0, 0, ${visibility}, 'sha512', ${hash} ${numbers};
    ${property('os_distro', name)}
    ${property('hw_disk_bus', "'virtio'")}
    INSERT INTO image_tags (image_id, value, created_at, updated_at, deleted)
    SELECT ${id}, 'bench', ${time}, ${time}, 0 ${numbers};
    INSERT INTO image_locations (image_id, value, created_at, updated_at, deleted, meta_data, status)
    SELECT ${id}, 'file:///nowhere/' || ${id}, ${time}, ${time}, 0, '{"store": "files"}', 'active' ${numbers};
    COMMIT; ANALYZE;`)
  database.close()
}
