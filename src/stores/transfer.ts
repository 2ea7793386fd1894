import { hasDigest } from '../blobs/digest.ts'
import type { NamedManifest } from '../blobs/manifest.ts'
import { HeliostatError } from '../errors.ts'
import { createPace } from '../pace.ts'
import { createTurns } from '../turns.ts'
import { type BegunCopy, type CopierParts, type CopyOptions, endedByOthers } from './copy.ts'
import { openSink, type Sink } from './sink.ts'
import type { Store } from './store.ts'

interface TransferOptions extends CopyOptions {
  end: AbortController
}

/** Puts every chunk of an image into a store and makes the copy active. Throws where that could not be done. */
export async function transfer(
  parts: CopierParts,
  { copy, store }: { copy: BegunCopy; store: Store },
  options: TransferOptions,
): Promise<void> {
  const manifest = await parts.manifests.find(copy.blob)
  if (!manifest) throw damaged(copy)
  const { size, chunkSize } = manifest
  const sink = await openSink(store, { url: copy.url, size, chunkSize })
  try {
    await putChunks(parts, { copy, manifest, sink: limited(sink, store.writesAtOnce) }, options)
    options.end.signal.throwIfAborted()
    await sink.finish(size)
    if (!(await parts.rows.finish(copy, Date.now()))) throw endedByOthers(copy)
  } catch (error) {
    await sink.abort().catch(() => undefined)
    throw error
  }
}

interface Flow {
  copy: BegunCopy
  manifest: NamedManifest
  sink: LimitedSink
}

/** A sink for so many writes at once. */
interface LimitedSink extends Pick<Sink, 'put'> {
  atOnce: number
}

function limited({ put }: Sink, atOnce: number): LimitedSink {
  const inTurn = createTurns(atOnce)
  return { atOnce, put: (...chunk) => inTurn(() => put(...chunk)) }
}

/** While some chunks are written the next one is read, each in memory of its own that is used over and over. */
async function putChunks(
  parts: CopierParts,
  flow: Flow,
  { end, rate = Infinity, prefer, progress }: TransferOptions,
): Promise<void> {
  const { chunks, chunkSize, size } = flow.manifest
  const pace = createPace(rate, end.signal)
  const waiting = chunks.entries()
  let done = 0

  async function putNext(memory: Uint8Array): Promise<void> {
    for (const [position, digest] of waiting) {
      const length = Math.min(chunkSize, size - position * chunkSize)
      if (digest !== null) {
        await pace(length, () => !end.signal.aborted)
        end.signal.throwIfAborted()
        const piece = { position, digest, memory: memory.subarray(0, length), prefer }
        await putChunk(parts, flow, piece)
      }
      done += length
      progress?.(done)
    }
  }

  const workers = Array.from({ length: Math.min(flow.sink.atOnce + 1, chunks.length) }, () =>
    parts.digester.memory.lend(Math.min(chunkSize, size), putNext).catch((error: unknown) => {
      end.abort(error)
      throw error
    }),
  )
  // None may still write when the rest is cleared away.
  const results = await Promise.allSettled(workers)
  for (const result of results) if (result.status === 'rejected') throw end.signal.reason
}

interface WantedChunk {
  position: number
  digest: string
  memory: Uint8Array
  prefer: readonly string[] | undefined
}

async function putChunk(
  { copies, digester }: CopierParts,
  { copy, sink }: Flow,
  { position, digest, memory, prefer }: WantedChunk,
): Promise<void> {
  const isWhole = hasDigest(digester, digest)
  const bytes = await copies.chunk(digest, memory, { isWhole, prefer })
  if (!bytes) throw lost(copy, digest)
  await sink.put(position, digest, bytes)
}

function damaged({ imageId, blob }: BegunCopy): HeliostatError {
  return new HeliostatError(
    'conflict',
    `Image ${imageId} cannot be copied: its manifest ${blob} is damaged in the registry`,
  )
}

function lost({ imageId }: BegunCopy, digest: string): HeliostatError {
  return new HeliostatError(
    'conflict',
    `Image ${imageId} cannot be copied: its chunk ${digest} is whole in no store`,
  )
}
