/** An origin, a hostile upstream between it and an edge, and what a test asks of them. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { watchLimits } from '../support/limits.ts'
import {
  compareDownload,
  MIB,
  startEdge,
  startOrigin,
  temporaryFolders,
  TOKEN,
  untilActive,
} from '../support/mirrors.ts'
import { type RunningProcess, startServer } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { publish } from './pair.ts'

const HOSTILE = fileURLToPath(new URL('hostile-upstream.ts', import.meta.url))
export const WITHIN_MS = 60_000

export type HostileSite = Awaited<ReturnType<typeof startHostileSite>>

/** The edge follows the hostile one alone, which is honest until it is told otherwise, and has an image of its origin. */
export async function startHostileSite() {
  const folders = await temporaryFolders(2)
  const [atOrigin = '', atEdges = ''] = folders.paths
  const origin = await startOrigin(atOrigin)
  const limited = ['--max-old-space-size=256', '--import', 'tsx', HOSTILE, origin.url]
  const hostile = await startServer(process.execPath, limited)
  const edges: RunningProcess[] = []
  const watches: ReturnType<typeof watchLimits>[] = []

  /** An edge that follows these, in this order. */
  async function startFollowing(name: string, ...upstreams: string[]): Promise<RunningProcess> {
    const edge = await startEdge(join(atEdges, name), upstreams.join())
    edges.push(edge)
    // The origin is not attacked.
    watches.push(watchLimits(edge, origin))
    return edge
  }

  const image = await publishAt(origin.url)
  const edge = await startFollowing('honest', `${hostile.url}/honest`)
  await untilActive(edge.url, image.id, WITHIN_MS)
  await requireServed(edge.url, image)

  return {
    origin,
    hostile,
    edge,
    image,
    startFollowing,
    publish: () => publishAt(origin.url),

    /** What was served before the hostile one became so is served still. */
    requireServed: () => requireServed(edge.url, image),

    setMode: (mode: string) => fetch(`${hostile.url}/honest`, { method: 'PUT', body: mode }),

    /** How the edge says that it stands to its upstream. */
    async readStatus() {
      const headers = { Authorization: `Bearer ${TOKEN}` }
      const response = await fetch(`${edge.url}/mirror/v1/status`, { headers })
      return JSON.parse(await response.text()).upstream
    },

    async readReadiness() {
      const response = await fetch(`${edge.url}/readyz`)
      return JSON.parse(await response.text())
    },

    /** All the while every edge has kept its limits. */
    requireWell: () => Promise.all(watches.map(({ hold }) => hold())),

    async close(): Promise<void> {
      await Promise.all([...edges, origin, hostile].map((site) => site.kill()))
      await folders.remove()
    },
  }
}

type Published = Awaited<ReturnType<typeof publishAt>>

async function publishAt(url: string) {
  const bytes = randomData(2 * MIB)
  return { bytes, ...(await publish(url, [], bytes)) }
}

export async function requireServed(url: string, { bytes, path }: Published): Promise<void> {
  const whole = { status: 200, right: bytes.length, wrong: false }
  assert.deepEqual(await compareDownload(url, bytes, { path }), whole)
}
