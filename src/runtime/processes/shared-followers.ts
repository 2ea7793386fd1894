import { createFollowers, type Followers, latestOf } from '../../mirror/feed/followers.ts'
import type { Peers } from './calls.ts'

/** Who follows a site that several workers serve: each hears of those whose requests it takes. */
export function sharedFollowers(peers: Peers | null): Followers {
  const own = createFollowers()
  if (!peers) return own
  peers.offer({ followers: own.list })
  return {
    note: own.note,
    async list() {
      const answers = await peers.askAll('followers')
      return latestOf(answers.flatMap((found) => found ?? []))
    },
  }
}
