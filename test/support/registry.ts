import { join } from 'node:path'
import type { images } from '../../schema/tables.ts'
import type { NewUpload } from '../../src/images/upload/rows.ts'
import type { Image } from '../../src/images/image.ts'
import { type Registry, openRegistry } from '../../src/registry/database.ts'
import { openEmbedded } from '../../src/registry/embedded.ts'
import { migrate } from '../../src/registry/migrate.ts'
import { temporaryFolder } from './site.ts'

export interface TestRegistry {
  registry: Registry
  /** The database file, for a second connection. */
  file: string
  close(): Promise<void>
}

/** An embedded registry in a folder of its own, with the schema in it. */
export async function openTestRegistry(): Promise<TestRegistry> {
  const folder = await temporaryFolder()
  const file = join(folder.path, 'registry.db')
  const registry = openRegistry(openEmbedded(file))
  await migrate(registry)
  return {
    registry,
    file,
    async close() {
      registry.$client.close()
      await folder.remove()
    },
  }
}

type ImageRow = typeof images.$inferSelect

/** An image that waits for its bytes. */
export function queuedImage(attributes: Partial<Image> = {}): Image {
  return { ...queuedRow(), tags: [], properties: {}, ...attributes }
}

/** An upload of chunks that is about to begin. */
export function newUpload(imageId: string, store: string): NewUpload {
  return { id: crypto.randomUUID(), imageId, store, url: null, intake: 'upload', metadata: {} }
}

/** The row of an image that waits for its bytes. */
export function queuedRow(attributes: Partial<ImageRow> = {}): ImageRow {
  const now = Date.now()
  return {
    id: crypto.randomUUID(),
    name: null,
    disk_format: 'raw',
    container_format: 'bare',
    size: null,
    virtual_size: null,
    status: 'queued',
    visibility: 'shared',
    checksum: null,
    os_hash_algo: null,
    os_hash_value: null,
    min_disk: 0,
    min_ram: 0,
    owner: 'project',
    protected: false,
    os_hidden: false,
    created_at: now,
    updated_at: now,
    deleted_at: null,
    ...attributes,
  }
}
