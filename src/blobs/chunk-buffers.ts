import type { ReusedMemory } from './reused-memory.ts'
import type { OpenSpool } from './spool.ts'

/** What the chunks of all uploads of a process may take together: bytes. Two chunks always fit. */
const BUDGET = 128 << 20
/** How often those who hold memory are looked at while others wait for it. */
const LOOK_MS = 250
/** Memory into which nothing has come for so long, or which is not full after so long, is wanted back by those who wait. */
const STILL_MS = 500
const SLOW_MS = 2_000

/** A chunk's memory, which is the holder's until he releases it. */
export interface Lease {
  bytes: Uint8Array
  /** Calling it again does nothing. */
  release(): void
}

/** Somebody who fills a chunk's memory, and may have to put what he has elsewhere. Times are `performance.now()`. */
export interface Holder {
  since: number
  movedAt: number
  /** Moves the bytes away and releases their memory, where that can be done. Never rejects. */
  moveAway(): Promise<void>
}

export interface ChunkBuffersParts {
  memory: ReusedMemory
  /** Where bytes are moved whose upload does not go on; null where there is no such place. */
  spool: OpenSpool | null
  budget?: number
}

/** The memory of uploads: reused, limited for all of them together, and given out in the order in which it was asked for. */
export interface ChunkBuffers {
  readonly spool: OpenSpool | null
  /** Memory for a chunk of the one size that this process cuts; what is in it is left from another. */
  take(size: number): Promise<Lease>
  /** Lets memory be wanted back until the function returned is called. */
  offer(holder: Holder): () => void
}

export function createChunkBuffers({
  memory,
  spool,
  budget = BUDGET,
}: ChunkBuffersParts): ChunkBuffers {
  const waiting: { size: number; grant(lease: Lease): void }[] = []
  const holders = createHolders()
  let taken = 0

  function lease(size: number): Lease {
    const bytes = memory.take(size)
    let released = false
    taken += size
    return {
      bytes,
      release() {
        if (released) return
        released = true
        taken -= size
        memory.giveBack(bytes)
        grantNext()
      },
    }
  }

  const fits = (size: number) => taken + size <= Math.max(budget, 2 * size)

  function grantNext(): void {
    for (let next = waiting[0]; next && fits(next.size); next = waiting[0]) {
      waiting.shift()
      next.grant(lease(next.size))
    }
    if (waiting.length === 0) holders.leaveAlone()
  }

  return {
    spool,

    take(size) {
      if (waiting.length === 0 && fits(size)) return Promise.resolve(lease(size))
      holders.press(() => waiting.length)
      return new Promise((grant) => waiting.push({ size, grant }))
    },

    offer: holders.add,
  }
}

function createHolders() {
  const holders = new Set<Holder>()
  let timer: ReturnType<typeof setInterval> | null = null
  let moving = false

  /** Those who hold up others, the one that has been still for longest first. */
  function slowest(count: number): Holder[] {
    const now = performance.now()
    return [...holders]
      .filter(({ since, movedAt }) => now - movedAt > STILL_MS || now - since > SLOW_MS)
      .toSorted((a, b) => a.movedAt - b.movedAt)
      .slice(0, count)
  }

  async function moveSlowest(count: number): Promise<void> {
    if (moving) return
    moving = true
    for (const holder of slowest(count)) {
      // It may have been withdrawn since.
      if (holders.delete(holder)) await holder.moveAway()
    }
    moving = false
  }

  return {
    add(holder: Holder): () => void {
      holders.add(holder)
      return () => void holders.delete(holder)
    },

    /** Has the slowest move away, for as long as somebody waits. */
    press(wanted: () => number): void {
      timer ??= setInterval(() => void moveSlowest(wanted()), LOOK_MS)
    },

    leaveAlone(): void {
      if (timer !== null) clearInterval(timer)
      timer = null
    },
  }
}
