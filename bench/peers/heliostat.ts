/** Heliostat of this checkout, started as its users do: by the launcher and a configuration file. */
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import type { RawConfig } from '../../src/config.ts'
import { freePorts } from '../../test/support/free-ports.ts'
import type { Keeper, Lab, Server } from '../lab.ts'

export const LAUNCHER = join(import.meta.dirname, '../../src/cli/heliostat.js')

/** What sites that follow an origin show it. */
export const MIRROR_TOKEN = randomBytes(16).toString('hex')

const SYNC_MS = 60_000
const SHOWN_MS = 10_000
/** The log has a request within a second. */
const LOG_MS = 1_200

const logLine = z.object({ path: z.string().optional(), bytes: z.number().optional() })

/** An error has none. */
const shownImage = z.object({ status: z.string() })

export interface Site extends Keeper {
  /** With these `heliostat` works on the same data. */
  configFile: string
}

/** A site with its data in a new folder, unless `dataDir` is another one. */
export async function startHeliostat(
  lab: Lab,
  { options = {}, dataDir }: { options?: RawConfig; dataDir?: string } = {},
): Promise<Site> {
  const [port = 0] = await freePorts(1)
  const folder = dataDir ?? (await lab.subfolder('heliostat'))
  const configFile = join(await lab.subfolder('configuration'), 'heliostat.conf')
  await writeFile(
    configFile,
    iniOf(configurationOf(options, { port, dataDir: folder, workers: lab.workers })),
  )
  const server = await lab.start({
    name: 'heliostat',
    command: process.execPath,
    args: [LAUNCHER, 'serve', '--config-file', configFile],
    env: environment(),
    url: `http://127.0.0.1:${port}`,
  })
  return { ...server, dataDir: folder, configFile }
}

interface Settled {
  port: number
  dataDir: string
  workers: number | null
}

function configurationOf(options: RawConfig, { port, dataDir, workers }: Settled): RawConfig {
  return {
    ...options,
    DEFAULT: {
      ...options['DEFAULT'],
      bind_port: `${port}`,
      ...(workers !== null && { workers: `${workers}` }),
    },
    heliostat: { ...options['heliostat'], data_dir: dataDir },
    mirror: { tokens: MIRROR_TOKEN, ...options['mirror'] },
  }
}

/** A site that follows that one and has had its first snapshot, but no chunk yet. */
export async function startEdge(lab: Lab, origin: Server): Promise<Site> {
  const edge = await startHeliostat(lab, {
    options: {
      DEFAULT: { image_cache_max_size: '40GB' },
      mirror: { upstream: origin.url, upstream_token: MIRROR_TOKEN },
    },
  })
  const limit = Date.now() + SYNC_MS
  while (!(await fetch(`${edge.url}/readyz`)).ok) {
    if (Date.now() > limit) throw new Error('The edge has not had a snapshot')
    await setTimeout(20)
  }
  return edge
}

/** Resolves when an edge shows an image with that status. */
export async function untilShown(
  { url }: Server,
  { id, status }: { id: string; status: string },
): Promise<void> {
  const limit = performance.now() + SHOWN_MS
  for (;;) {
    const response = await fetch(`${url}/v2/images/${id}`)
    const found = shownImage.safeParse(await response.json()).data
    if (found?.status === status) return
    if (performance.now() > limit) {
      throw new Error(`a change was not seen in ${SHOWN_MS / 1000} s`)
    }
    await setTimeout(1)
  }
}

/** The bytes of chunks that a site has sent to those that follow it, by its own log. */
export async function sentToMirrors({ log }: Server): Promise<number> {
  await setTimeout(LOG_MS)
  let sum = 0
  for (const line of (await readFile(log, 'utf8')).split('\n')) {
    // Only a few of very many are of interest.
    if (!line.startsWith('{') || !line.includes('/mirror/v1/chunks/')) continue
    const { path = '', bytes = 0 } = logLine.parse(JSON.parse(line))
    if (path.startsWith('/mirror/v1/chunks/')) sum += bytes
  }
  return sum
}

/** What the caller has set for a site of his own must not reach into these. */
export function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('HELIOSTAT_'))
  return { ...Object.fromEntries(own), NODE_NO_WARNINGS: '1' }
}

function iniOf(config: RawConfig): string {
  return Object.entries(config)
    .map(([section, options]) => {
      const lines = Object.entries(options).map(([name, value]) => `${name} = ${value}\n`)
      return `[${section}]\n${lines.join('')}`
    })
    .join('\n')
}
