import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import manifest from '../../package.json' with { type: 'json' }

const LAUNCHER = resolve(import.meta.dirname, '../..', manifest.bin.heliostat)
const GREETING = /serves the Image API on (http:\/\/\S+)/

const logLine = z.object({ path: z.string().optional(), bytes: z.number().optional() })

export interface DemoSite {
  name: string
  url: string
  /** The bytes of chunks that it has sent to the sites that follow it, by its own log. */
  chunkBytes(): number
  kill(): Promise<void>
}

/** Starts sites as processes, with their data below the folder. */
export function startSites(folder: string) {
  const token = randomBytes(16).toString('hex')
  const children = new Set<ChildProcess>()
  const words: string[] = []
  let stopping = false

  const onExit = () => children.forEach((child) => child.kill('SIGKILL'))
  process.once('exit', onExit)

  return {
    stopping: () => stopping,

    /** The last lines that the sites have logged, for when something has gone wrong. */
    lastWords: () => words.slice(-5).join('\n'),

    async start(name: string, upstream: DemoSite | null): Promise<DemoSite> {
      if (stopping) throw new Error('The demo has been stopped')
      const child = spawn(
        process.execPath,
        [LAUNCHER, 'serve', '--data-dir', join(folder, name), '--port', '0'],
        { env: environment(token, upstream), stdio: ['ignore', 'pipe', 'pipe'] },
      )
      children.add(child)
      child.once('exit', () => children.delete(child))
      let chunkBytes = 0
      createInterface(child.stderr).on('line', (line) => {
        words.push(`${name}: ${line}`)
        words.splice(0, words.length - 50)
        chunkBytes += chunkBytesIn(line)
      })
      const url = await greeted(name, child)
      return { name, url, chunkBytes: () => chunkBytes, kill: () => kill(child) }
    },

    async killAll(): Promise<void> {
      stopping = true
      await Promise.all([...children].map(kill))
      process.off('exit', onExit)
    },
  }
}

/** What the caller has set for a site of his own must not reach into the demo's. */
function environment(token: string, upstream: DemoSite | null): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('HELIOSTAT_'))
  return {
    ...Object.fromEntries(own),
    // Not on the command line, where every user of the machine would see it.
    HELIOSTAT_MIRROR__TOKENS: token,
    ...(upstream && {
      HELIOSTAT_MIRROR__UPSTREAM: upstream.url,
      HELIOSTAT_MIRROR__UPSTREAM_TOKEN: token,
    }),
    NODE_NO_WARNINGS: '1',
  }
}

async function greeted(name: string, { stdout }: ChildProcess): Promise<string> {
  if (!stdout) throw new Error('A child without stdout')
  for await (const line of createInterface(stdout)) {
    const [, url] = GREETING.exec(line) ?? []
    if (url === undefined) continue
    stdout.resume()
    return url
  }
  throw new Error(`${name} ended before it served`)
}

/** At once: nothing that they hold is of use after the demo. */
async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

function chunkBytesIn(line: string): number {
  // Warnings of Node itself are no JSON.
  if (!line.startsWith('{')) return 0
  const { path = '', bytes = 0 } = logLine.parse(JSON.parse(line))
  return path.startsWith('/mirror/v1/chunks/') ? bytes : 0
}
