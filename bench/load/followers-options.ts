import { z } from 'zod'

export const followersOptions = z.object({
  url: z.string(),
  token: z.string(),
  count: z.number(),
  /** How many changes are made. */
  changes: z.number(),
  /** Seconds for which they wait where no change is made. */
  idle: z.number(),
})
export type FollowersOptions = z.output<typeof followersOptions>
