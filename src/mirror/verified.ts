import type { Digester } from '../blobs/digest.ts'
import type { OpenChunk } from '../blobs/open-files.ts'

export type LocalChunk = OpenChunk & {
  /** When its file was last changed: milliseconds since 1970 UTC. */
  changedAt(): Promise<number>
}

/** Remembers which chunks were found to be whole, until their files change. Several readers cost one check. */
export type Verified = ReturnType<typeof createVerified>

export function createVerified(
  digester: Pick<Digester, 'sha256' | 'allocate'>,
  sizeOfChunk: (digest: string) => Promise<number | null>,
) {
  const known = new Map<string, number>()
  const checking = new Map<string, Promise<boolean>>()

  async function check(digest: string, chunk: LocalChunk, changedAt: number): Promise<boolean> {
    const bytes = digester.allocate((await sizeOfChunk(digest)) ?? 0)
    const length = await readFully(chunk, bytes)
    const isWhole = length === bytes.length && (await digester.sha256(bytes)) === digest
    if (isWhole) known.set(digest, changedAt)
    return isWhole
  }

  return {
    /** Whether a chunk is what its name says. */
    async isWhole(digest: string, chunk: LocalChunk): Promise<boolean> {
      const changedAt = await chunk.changedAt()
      if (known.get(digest) === changedAt) return true
      const running = checking.get(digest)
      if (running) return running
      const started = check(digest, chunk, changedAt).finally(() => checking.delete(digest))
      checking.set(digest, started)
      return started
    },

    /** Notes a chunk whose bytes were verified before they were stored. */
    async note(digest: string, chunk: LocalChunk): Promise<void> {
      known.set(digest, await chunk.changedAt())
    },

    forget: (digest: string) => void known.delete(digest),
  }
}

/** Whether an error says that the disk cannot read, which is damage as any other. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EIO'
}

/** Reads until the buffer is full or the chunk ends, and tells how many bytes there were. */
export async function readFully(chunk: OpenChunk, bytes: Uint8Array): Promise<number> {
  let done = 0
  while (done < bytes.length) {
    const read = await chunk.read(bytes.subarray(done), done)
    if (read === 0) break
    done += read
  }
  return done
}
