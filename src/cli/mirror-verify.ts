import { inlineDigester } from '../blobs/digest.ts'
import { createChunkCheck } from '../blobs/local/check.ts'
import { examine } from '../blobs/local/examine.ts'
import type { LocalStore } from '../blobs/local/store.ts'
import { hasNamedStores } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { imagesThatNeed, type NeededChunk, neededChunks } from '../inventory/needed-chunks.ts'
import { createReplica } from '../mirror/follow/replica.ts'
import type { Registry } from '../registry/database.ts'
import { openLocalStore } from '../runtime/local-stores.ts'
import type { ConfigOptions } from './options.ts'
import { createProgress, formatBytes, transferText } from './progress.ts'
import { withRegistry } from './with-registry.ts'

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
    if (hasNamedStores(config)) {
      throw new ConfigError(
        `This origin has the stores ${config.stores.map(({ id }) => id).join(', ')}: heliostat store verify reads one`,
      )
    }
    const store = openLocalStore(config)
    const found = await readEveryChunk(registry, store).finally(() => store.close())
    process.stdout.write(options.json ? `${JSON.stringify(found, null, 2)}\n` : report(found))
    // What an edge lacks it fetches when it is asked for; what an origin lacks is nowhere else.
    if (found.damaged.length > 0 || (!found.edge && found.missing.length > 0)) process.exitCode = 1
  })
}

async function readEveryChunk(registry: Registry, store: LocalStore): Promise<Verified> {
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

async function readChunks(store: LocalStore, chunks: NeededChunk[]) {
  const check = createChunkCheck(inlineDigester)
  const progress = createProgress()
  const startedAt = performance.now()
  const total = sizeOf(chunks)
  const damaged: string[] = []
  const gone: string[] = []
  let done = 0
  for (const { digest, size } of chunks) {
    const found = await examine({ store, check }, digest)
    // An edge may have made room meanwhile.
    if (found === null) gone.push(digest)
    else if (!found.isWhole) damaged.push(digest)
    done += size
    progress.show(done, total, transferText({ done, total, before: 0, startedAt }))
  }
  progress.end()
  return { damaged, gone }
}

async function withImages(registry: Registry, digests: string[]): Promise<FaultyChunk[]> {
  const images = await imagesThatNeed(registry, digests)
  return [...images].map(([digest, ids]) => ({ digest, images: ids }))
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
