import type { Walk } from '../blobs/body.ts'
import { type Piece, pieces } from '../blobs/manifest.ts'

/** Chunks that are fetched ahead of a reader. */
const WINDOW = 4

interface Held {
  filling: Promise<Uint8Array>
  readers: number
}

interface Ahead {
  piece: Piece
  holding: string | null
}

/** What readers have had fetched ahead, for as long as they may want it, since it need not have been stored. */
export type ReadAhead = ReturnType<typeof createReadAhead>

export function createReadAhead(
  isResident: (digest: string) => boolean,
  fill: (digest: string) => Promise<Uint8Array>,
) {
  const held = new Map<string, Held>()

  function hold(digest: string): void {
    const entry = held.get(digest) ?? { filling: fill(digest), readers: 0 }
    entry.readers++
    held.set(digest, entry)
    // It shows when the reader gets there.
    entry.filling.catch(() => undefined)
  }

  function letGo({ holding }: Ahead): void {
    if (holding === null) return
    const entry = held.get(holding)
    if (entry && --entry.readers === 0) held.delete(holding)
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
    try {
      for (const piece of pieces(content, range)) {
        const { digest } = piece
        const holding = digest !== null && !isResident(digest) ? digest : null
        if (holding !== null) hold(holding)
        ahead.push({ piece, holding })
        if (ahead.length > WINDOW) yield* advance(ahead)
      }
      while (ahead.length > 0) yield* advance(ahead)
    } finally {
      ahead.forEach(letGo)
    }
  }

  return {
    /** The pieces of a range, the next ones of which are fetched while the reader takes the one he has. */
    walk,

    /** The bytes of a chunk that some reader has had fetched ahead. */
    held: (digest: string): Promise<Uint8Array> | null => held.get(digest)?.filling ?? null,
  }
}
