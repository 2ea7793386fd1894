import { createBodyOpener, type OpenBody } from '../blobs/body.ts'
import { type Digester, hasDigest } from '../blobs/digest.ts'
import type { Manifests } from '../inventory/manifests.ts'
import type { Copies } from '../stores/copies.ts'

export interface PreferredParts {
  copies: Pick<Copies, 'chunk'>
  manifests: Pick<Manifests, 'sizeOfChunk'>
  digester: Pick<Digester, 'sha256'>
}

/** Bodies from the stores that the caller prefers, past what is kept here. */
export function openPreferred(
  { copies, manifests, digester }: PreferredParts,
  prefer: readonly string[],
): OpenBody {
  return createBodyOpener({
    async get(digest, span) {
      const size = await manifests.sizeOfChunk(digest)
      if (size === null) return null
      const memory = new Uint8Array(size)
      const isWhole = hasDigest(digester, digest)
      const bytes = await copies.chunk(digest, memory, { prefer, isWhole })
      const { offset, length } = span ?? { offset: 0, length: size }
      return bytes && new Blob([bytes.slice(offset, offset + length)]).stream()
    },
  })
}
