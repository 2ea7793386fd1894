import type { EdgeAccount } from '../../mirror/chunks/account.ts'
import type { Peers, Sizes } from './calls.ts'

/** The account of the lead, of which the other workers have a copy. */
export interface LeadAccount extends EdgeAccount {
  sizes(): Sizes
  /** Tells the others all that is in it, and from then on what changes. */
  announce(): void
  /** Tells them now, before they hear of what it has led to. */
  flush(): void
}

export function createLeadAccount(account: EdgeAccount, peers: Peers): LeadAccount {
  /** Null for what has gone. */
  let changes = new Map<string, number | null>()
  let isAnnounced = false

  const sizes = (): Sizes =>
    account.digests().map((digest) => [digest, account.sizeOf(digest) ?? 0])

  function flush(): void {
    const entries = [...changes]
    if (entries.length === 0) return
    changes = new Map()
    const added = entries.flatMap(([digest, size]): Sizes =>
      size === null ? [] : [[digest, size]],
    )
    const gone = entries.flatMap(([digest, size]) => (size === null ? [digest] : []))
    peers.tellOthers('residentChanged', added, gone)
  }

  function note(digest: string, size: number | null): void {
    if (!isAnnounced) return
    if (changes.size === 0) setImmediate(flush)
    changes.set(digest, size)
  }

  return {
    ...account,
    sizes,
    flush,

    add(digest, size) {
      account.add(digest, size)
      note(digest, size)
    },

    forget(digest) {
      account.forget(digest)
      note(digest, null)
    },

    announce() {
      isAnnounced = true
      peers.tellOthers('residentIs', sizes())
    },
  }
}
