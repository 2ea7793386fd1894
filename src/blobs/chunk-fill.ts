import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../reason.ts'
import type { ChunkBuffers, Holder, Lease } from './chunk-buffers.ts'
import type { OpenSpool, Spooled } from './spool.ts'

const log = getLogger(['heliostat', 'chunk-fill'])

type Buffers = Pick<ChunkBuffers, 'take' | 'offer' | 'spool'>

/** A chunk whose bytes come in. It begins in memory; if it holds up others it goes on in a file. */
export interface ChunkFill {
  /** Bytes that have come in. */
  length(): number
  /** Takes in bytes, for all of which there has to be room. */
  add(bytes: Uint8Array): Promise<void>
  /** All bytes that have come in, in memory that whoever takes them has to release. */
  take(): Promise<Lease>
  /** Lets go of everything; to be called in the end, whether or not the bytes were taken. */
  end(): Promise<void>
}

export function createChunkFill(size: number, buffers: Buffers): ChunkFill {
  const memory = createMovable(size, buffers)
  let filled = 0

  return {
    length: () => filled,

    async add(bytes) {
      while (memory.moving()) await memory.moving()
      const spooled = memory.spooled()
      await (spooled ? spooled.append(bytes) : memory.set(bytes, filled))
      filled += bytes.length
    },

    async take() {
      await memory.settle()
      const { bytes: whole, release } = memory.detach() ?? (await buffers.take(size))
      const bytes = whole.subarray(0, filled)
      try {
        await memory.spooled()?.readInto(bytes)
        return { bytes, release }
      } catch (error) {
        release()
        throw error
      }
    },

    async end() {
      await memory.settle()
      memory.detach()?.release()
      await memory.spooled()?.close()
    },
  }
}

/** Memory that is taken with the first byte, and whose content may have to move into a file while none comes. */
function createMovable(size: number, { take, offer, spool }: Buffers) {
  let lease: Lease | null = null
  let filled = 0
  let spooled: Spooled | null = null
  let moving: Promise<void> | null = null
  let holder: Holder | null = null
  let withdraw: () => void = () => undefined

  async function move(open: OpenSpool, { bytes }: Lease): Promise<void> {
    spooled = await open(bytes.subarray(0, filled)).catch(notMoved)
    if (spooled) detach()?.release()
    moving = null
  }

  async function moveAway(): Promise<void> {
    if (spool && lease) moving = move(spool, lease)
    await moving
  }

  function detach(): Lease | null {
    const detached = lease
    lease = null
    return detached
  }

  async function begin(): Promise<Lease> {
    const begun = await take(size)
    const since = performance.now()
    holder = { since, movedAt: since, moveAway }
    if (spool) withdraw = offer(holder)
    return begun
  }

  return {
    detach,
    spooled: () => spooled,

    /** Ends when the content has moved; null while it does not move, which is certain until the next `await` only. */
    moving: () => moving,

    /** Ends when the content is where it will stay. */
    async settle(): Promise<void> {
      withdraw()
      await moving
    },

    async set(bytes: Uint8Array, position: number): Promise<void> {
      lease ??= await begin()
      lease.bytes.set(bytes, position)
      filled = position + bytes.length
      if (holder) holder.movedAt = performance.now()
    },
  }
}

function notMoved(error: unknown): null {
  const reason = reasonOf(error)
  log.warn('Cannot move the beginning of a chunk out of memory: {reason}', { reason })
  return null
}
