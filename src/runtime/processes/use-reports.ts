import type { EdgeAccount } from '../../mirror/chunks/account.ts'
import type { Peers } from './calls.ts'

/** How soon the lead hears what is used here: a reader of small ranges uses thousands of chunks in that time. */
const SOON_MS = 200
/** How often it hears so while something is in use, since readers may leave without a word. */
const AGAIN_MS = 1_000

/** Tells the lead which chunks are used here, so that those stay which are, and the others go in the right order. */
export interface UseReports {
  /** `use`, of which the lead hears soon. */
  noting(use: EdgeAccount['use']): EdgeAccount['use']
  soon(): void
  end(): void
}

export function createUseReports(peers: Peers, held: () => string[]): UseReports {
  let used = new Set<string>()
  let timer: NodeJS.Timeout | null = null
  let isOver = false

  function later(milliseconds: number): void {
    if (!isOver) timer ??= setTimeout(() => void report(), milliseconds).unref()
  }

  async function report(): Promise<void> {
    const sent = { worker: peers.id, used: [...used], held: [...new Set(held())] }
    used = new Set()
    // A lead that is to come is told anew.
    await peers.askLead('noteUses', sent).catch(() => undefined)
    timer = null
    if (used.size > 0) later(SOON_MS)
    else if (sent.held.length > 0) later(AGAIN_MS)
  }

  return {
    noting: (use) => (digest) => {
      used.delete(digest)
      used.add(digest)
      later(SOON_MS)
      return use(digest)
    },

    soon: () => later(0),

    end() {
      isOver = true
      if (timer) clearTimeout(timer)
    },
  }
}
