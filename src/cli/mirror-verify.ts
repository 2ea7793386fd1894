import { createHash } from 'node:crypto'
import { eq, isNotNull, sql } from 'drizzle-orm'
import { blobChunks, blobs, imageLocations } from '../../schema/tables.ts'
import type { ChunkStore } from '../blobs/store.ts'
import { createReplica } from '../mirror/follow/replica.ts'
import type { Registry } from '../registry/database.ts'
import { openLocalStore } from '../runtime/local.ts'
import type { ConfigOptions } from './options.ts'
import { createProgress, formatBytes, transferText } from './progress.ts'
import { withRegistry } from './with-registry.ts'

interface NeededChunk {
  digest: string
  size: number
}

interface FaultyChunk {
  digest: string
  /** The images that need it. */
  images: string[]
}

interface Verified {
  /** Whether this site follows another one, from which it can have what it lacks. */
  edge: boolean
  chunks: number
  bytes: number
  damaged: FaultyChunk[]
  missing: FaultyChunk[]
}

/** `heliostat mirror verify`: reads what is stored here. Exit code 1 when bytes are lost. */
export function verify(options: ConfigOptions & { json?: true }): Promise<void> {
  return withRegistry(options, async (registry, config) => {
    const store = openLocalStore(config)
    const found = await readEveryChunk(registry, store).finally(() => store.close())
    process.stdout.write(options.json ? `${JSON.stringify(found, null, 2)}\n` : report(found))
    // What an edge lacks it fetches when it is asked for; what an origin lacks is nowhere else.
    if (found.damaged.length > 0 || (!found.edge && found.missing.length > 0)) process.exitCode = 1
  })
}

async function readEveryChunk(registry: Registry, store: ChunkStore): Promise<Verified> {
  const stored = new Set<string>()
  for await (const { digest } of store.list()) stored.add(digest)
  const needed = await neededChunks(registry)
  const here = needed.filter(({ digest }) => stored.has(digest))
  const absent = needed.filter(({ digest }) => !stored.has(digest)).map(({ digest }) => digest)
  const { damaged, gone } = await readChunks(store, here)
  return {
    edge: (await createReplica(registry).cursor()) !== null,
    chunks: here.length,
    bytes: sizeOf(here),
    damaged: await withImages(registry, damaged),
    missing: await withImages(registry, [...absent, ...gone]),
  }
}

/** Each chunk once, whichever blobs have it. */
async function neededChunks(registry: Registry): Promise<NeededChunk[]> {
  const left = sql`${blobs.size} - ${blobChunks.position} * ${blobs.chunk_size}`
  const rows = await registry
    .select({
      digest: blobChunks.digest,
      size: sql<number>`max(min(${blobs.chunk_size}, ${left}))`.mapWith(Number),
    })
    .from(blobChunks)
    .innerJoin(blobs, eq(blobs.digest, blobChunks.blob))
    .where(isNotNull(blobChunks.digest))
    .groupBy(blobChunks.digest)
  return rows.flatMap(({ digest, size }) => (digest === null ? [] : [{ digest, size }]))
}

async function readChunks(store: ChunkStore, chunks: NeededChunk[]) {
  const progress = createProgress()
  const startedAt = performance.now()
  const total = sizeOf(chunks)
  const damaged: string[] = []
  const gone: string[] = []
  let done = 0
  for (const { digest, size } of chunks) {
    const found = await hashStored(store, digest)
    // An edge may have made room meanwhile.
    if (found === null) gone.push(digest)
    else if (found !== digest) damaged.push(digest)
    done += size
    progress.show(done, total, transferText({ done, total, before: 0, startedAt }))
  }
  progress.end()
  return { damaged, gone }
}

async function hashStored(store: ChunkStore, digest: string): Promise<string | null> {
  const bytes = await store.get(digest)
  if (!bytes) return null
  const hash = createHash('sha256')
  for await (const part of bytes) hash.update(part)
  return hash.digest('hex')
}

async function withImages(registry: Registry, digests: string[]): Promise<FaultyChunk[]> {
  if (digests.length === 0) return []
  const rows = await registry
    .selectDistinct({ digest: blobChunks.digest, image: imageLocations.image_id })
    .from(blobChunks)
    .innerJoin(imageLocations, eq(imageLocations.blob, blobChunks.blob))
    .where(sql`${blobChunks.digest} IN (SELECT value FROM json_each(${JSON.stringify(digests)}))`)
  const images = new Map<string | null, string[]>()
  for (const { digest, image } of rows) {
    images.set(digest, [...(images.get(digest) ?? []), image])
  }
  return digests.map((digest) => ({ digest, images: images.get(digest) ?? [] }))
}

function report({ edge, chunks, bytes, damaged, missing }: Verified): string {
  const lines = damaged.map((chunk) => line('damaged', chunk))
  // At an edge that is most of what there is, and no fault.
  if (!edge) lines.push(...missing.map((chunk) => line('missing', chunk)))
  const absent = edge ? `${missing.length} not here` : `${missing.length} missing`
  lines.push(
    `Read ${chunks} chunks, ${formatBytes(bytes)}: ${damaged.length} damaged, ${absent}`,
    ...(edge && damaged.length > 0 ? ['The edge fetches them again when they are asked for'] : []),
  )
  return `${lines.join('\n')}\n`
}

function line(what: string, { digest, images }: FaultyChunk): string {
  return `${what}  ${digest}  ${images.length > 0 ? `image ${images.join(', ')}` : 'of no image'}`
}

function sizeOf(chunks: NeededChunk[]): number {
  return chunks.reduce((sum, { size }) => sum + size, 0)
}
