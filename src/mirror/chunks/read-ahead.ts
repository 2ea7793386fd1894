import type { Walk } from '../../blobs/body.ts'
import { type Piece, pieces } from '../../blobs/manifest.ts'
import { createUsers } from './account.ts'

/** Chunks that are fetched ahead of a reader. */
const WINDOW = 4

interface Held {
  digest: string
  /** Null once the chunk has been stored, and where it could not be had. */
  filling: Promise<Uint8Array | null> | null
  readers: number
}

interface Ahead {
  piece: Piece
  holding: Held | null
  leave(): void
}

/** What readers have had fetched ahead and could not be stored, for as long as they may want it. */
export interface ReadAhead {
  /** The pieces of a range, the next ones of which are fetched while the reader takes the one he has. */
  walk: Walk
  /** Whether some reader is about to take a chunk: it should not make room for another one. */
  isWanted(digest: string): boolean
  /** All of those. */
  wanted(): string[]
  /** A chunk that some reader has had fetched ahead, as `fill` gives it; null for any other. */
  held(digest: string): Promise<Uint8Array | null> | null
}

export interface ReadAheadParts {
  isResident(digest: string): boolean
  fill(digest: string): Promise<Uint8Array | null>
  /** Bytes that all chunks may take: readers have no more fetched ahead than fits. */
  limit: number
}

export function createReadAhead({ isResident, fill, limit }: ReadAheadParts): ReadAhead {
  const held = new Map<string, Held>()
  /** Who is at a chunk, or will be soon. */
  const readers = createUsers()

  function hold(digest: string): Held {
    const entry = held.get(digest) ?? start(digest)
    entry.readers++
    return entry
  }

  function start(digest: string): Held {
    const filling = fill(digest)
    const entry: Held = { digest, filling, readers: 0 }
    held.set(digest, entry)
    const drop = () => {
      if (isResident(digest)) forget(entry)
    }
    // What could not be had is asked for again by the reader who gets there.
    filling.then(drop, () => forget(entry))
    return entry
  }

  function forget(entry: Held): void {
    entry.filling = null
    if (held.get(entry.digest) === entry) held.delete(entry.digest)
  }

  function letGo({ holding, leave }: Ahead): void {
    if (holding && --holding.readers === 0) forget(holding)
    leave()
  }

  function* advance(ahead: Ahead[]): Generator<Piece> {
    const [first] = ahead
    if (!first) return
    yield first.piece
    // Asked for the next one, the reader is done with this one.
    ahead.shift()
    letGo(first)
  }

  const walk: Walk = function* walkAhead(content, range) {
    const ahead: Ahead[] = []
    const room = Math.floor(limit / content.chunkSize)
    const isFar = () => ahead.length > WINDOW || (ahead.length > 0 && readers.count() >= room)
    try {
      for (const piece of pieces(content, range)) {
        while (isFar()) yield* advance(ahead)
        const { digest } = piece
        const leave = digest === null ? () => undefined : readers.add(digest)
        const holding = digest !== null && !isResident(digest) ? hold(digest) : null
        ahead.push({ piece, holding, leave })
      }
      while (ahead.length > 0) yield* advance(ahead)
    } finally {
      ahead.forEach(letGo)
    }
  }

  return {
    walk,
    isWanted: readers.has,
    wanted: readers.names,
    held: (digest) => held.get(digest)?.filling ?? null,
  }
}
