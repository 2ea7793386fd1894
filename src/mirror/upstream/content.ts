import {
  type Manifest,
  MAX_MANIFEST_BYTES,
  manifestDigest,
  parseManifest,
} from '../../blobs/manifest.ts'
import type { Limit } from '../../http/deadline.ts'
import { reasonOf } from '../../reason.ts'
import { readText, requireOk } from './documents.ts'
import type { Ask, AskBytes } from './sites.ts'

export interface ContentParts {
  ask: Ask
  askBytes: AskBytes
  manifestLimit: Limit
  chunkLimit(): Limit
  /** Throws where no upstream answers. */
  askHead(since: number, wait: number, signal: AbortSignal): Promise<unknown>
}

interface ChunkOptions {
  /** Past any cache in between. */
  fresh?: boolean
  /** Whether this is the chunk. If not, the next upstream is asked. */
  isWhole?(bytes: Uint8Array): Promise<boolean>
}

/** What never changes: the bytes of images, and what they are made of. */
export interface UpstreamContent {
  /**
   * Verified against its name. Where it cannot be had, though there is an upstream that answers: a sentence that says
   * why, since one image must not hold up all others.
   */
  manifest(digest: string, signal: AbortSignal): Promise<Manifest | string>
  /** The bytes of a chunk, in the memory given. Null where no upstream has it, or none that is whole. */
  chunk(digest: string, memory: Uint8Array, options?: ChunkOptions): Promise<Uint8Array | null>
}

export function createUpstreamContent(parts: ContentParts): UpstreamContent {
  const { ask, askBytes, manifestLimit, chunkLimit, askHead } = parts

  return {
    async manifest(digest, signal) {
      let why = 'no upstream has its manifest'
      const use = async (response: Response) => {
        const text = await readText(requireOk(response).body, MAX_MANIFEST_BYTES)
        try {
          return parseNamed(text, digest)
        } catch (error) {
          // The next upstream may have it whole; this one is well, as all else that it tells may show.
          why = reasonOf(error)
          return null
        }
      }
      try {
        const options = { limit: manifestLimit, signal, evenIfAllFailed: true }
        return (await ask(`manifests/${digest}`, use, options)) ?? why
      } catch (error) {
        // Throws where nothing else can be had either.
        await askHead(0, 0, signal)
        return `its manifest cannot be had: ${reasonOf(error)}`
      }
    },

    chunk(digest, memory, { fresh = false, isWhole = async () => true } = {}) {
      return askBytes({
        path: `chunks/${digest}`,
        memory,
        use: async (bytes) => ((await isWhole(bytes)) ? bytes : null),
        options: { limit: chunkLimit(), fresh, forClient: true },
      })
    },
  }
}

/** By the name of what was read of it, so that nothing but the manifest can be in the text. */
function parseNamed(text: string, digest: string): Manifest {
  const manifest = parseManifest(text)
  if (manifestDigest(manifest) === digest) return manifest
  throw new Error('Manifest is refused: it is not what its name says')
}
