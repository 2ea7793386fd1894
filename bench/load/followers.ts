/**
 * Follows an origin as edges do, many times over in one process. Prints a line once all of them wait for news, and at
 * the end how late each of them knew of each change, in milliseconds.
 */
import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import { createImage } from '../images.ts'
import { followersOptions } from './followers-options.ts'
import { type Line, openLine } from './line.ts'

/** As edges do. */
const WAIT_SECONDS = 25
const SHORTEST_STEP_MS = 1000
const CHANGE_MS = 1000
/** A start of all of them at once is over by then. */
const SETTLE_MS = 3000
const LIMIT_MS = 60_000

const head = z.object({ seq: z.number() })

interface Follower {
  line: Line
  seq: number
  /** When it has had all changes up to which. */
  heard: { seq: number; at: number }[]
}

const options = followersOptions.parse(JSON.parse(process.argv[2] ?? ''))
const followers = Array.from({ length: options.count }, (_, index): Follower => ({
  line: lineOf(index),
  seq: 0,
  heard: [],
}))
const asking = lineOf(options.count)
let isEnding = false

for (const follower of followers) {
  follow(follower).catch((error: unknown) => {
    if (isEnding) return
    console.error(error)
    process.exit(1)
  })
}
await until('every follower has heard the origin', () =>
  followers.every(({ heard }) => heard.length > 0),
)
await setTimeout(SETTLE_MS)
console.log('waiting')
const lags = options.changes > 0 ? await change() : await setTimeout(options.idle * 1000, [])
console.log(JSON.stringify({ lags }))
isEnding = true
for (const { line } of followers) line.close()
asking.close()

function lineOf(index: number): Line {
  return openLine(options.url, {
    Authorization: `Bearer ${options.token}`,
    'Heliostat-Site': `00000000-0000-4000-8000-${`${index}`.padStart(12, '0')}`,
  })
}

async function headOf(line: Line, since: number, wait: number): Promise<number> {
  return head.parse(JSON.parse(await line.ask(`/mirror/v1/head?since=${since}&wait=${wait}`))).seq
}

async function follow(follower: Follower): Promise<void> {
  const { line } = follower
  for (let wait = 0; !isEnding; wait = WAIT_SECONDS) {
    const startedAt = performance.now()
    const seq = await headOf(line, follower.seq, wait)
    if (seq > follower.seq) {
      await line.ask(`/mirror/v1/changes?after=${follower.seq}`)
      follower.seq = seq
      follower.heard.push({ seq, at: performance.now() })
    } else if (wait > 0) {
      await setTimeout(SHORTEST_STEP_MS - (performance.now() - startedAt))
    }
  }
}

/** Makes changes, each once all know the one before; resolves with how late each follower knew of each. */
async function change(): Promise<number[]> {
  const made: { seq: number; at: number }[] = []
  for (let index = 0; index < options.changes; index++) {
    await createImage({ url: options.url, headers: {} })
    const at = performance.now()
    const seq = await headOf(asking, 0, 0)
    made.push({ seq, at })
    await until('every follower knows a change', () =>
      followers.every((follower) => follower.seq >= seq),
    )
    await setTimeout(CHANGE_MS)
  }
  return followers.flatMap(({ heard }) =>
    made.map((one) => {
      const known = heard.find(({ seq }) => seq >= one.seq)
      return Math.max(0, (known?.at ?? Infinity) - one.at)
    }),
  )
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const limit = Date.now() + LIMIT_MS
  while (!isSo()) {
    if (Date.now() > limit) throw new Error(`Not within ${LIMIT_MS / 1000} s: ${what}`)
    await setTimeout(20)
  }
}
