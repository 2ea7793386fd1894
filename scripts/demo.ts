/** Shows what Heliostat does, on this machine and within seconds: `npm run demo`. Leaves nothing behind. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { reasonOf } from '../src/reason.ts'
import { type DemoSite, startSites } from './demo/sites.ts'

const MIB = 1024 * 1024
const RANDOM = 32 * MIB
const ZEROS = 16 * MIB
/** How long a change may take to reach the last edge. */
const VISIBLE_MS = 10_000

type Image = { id: string; size: number; sha256: string }

const folder = await mkdtemp(join(tmpdir(), 'heliostat-demo-'))
const sites = startSites(folder)

async function cleanUp(): Promise<void> {
  await sites.killAll()
  await rm(folder, { recursive: true, force: true })
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    say(`\nStopped by ${signal}: cleaning up`)
    void cleanUp().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143))
  })
}

try {
  await tell()
} catch (error) {
  // A signal takes the sites away under a story that is being told.
  if (sites.stopping()) await once(process, 'exit')
  process.stderr.write(`The demo failed: ${reasonOf(error)}\n${sites.lastWords()}\n`)
  process.exitCode = 1
} finally {
  await cleanUp()
}

async function tell(): Promise<void> {
  const startedAt = performance.now()
  say(`An origin and two edges start on this machine, their data in ${folder}`)
  const origin = await sites.start('origin', null)
  const north = await sites.start('north', origin)
  const south = await sites.start('south', north)
  say(`  origin  ${origin.url}`)
  say(`  north   ${north.url}  an edge that follows the origin`)
  say(`  south   ${south.url}  an edge that follows north`)

  say(`\nAn image of ${mib(RANDOM + ZEROS)}, of which ${mib(ZEROS)} are zeros, goes to the origin`)
  const image = await upload(origin)
  const listed = await timed(() => visible(south, image))
  say(`  and is listed by both edges ${(listed * 1000).toFixed(0)} ms later`)

  const downloads = () =>
    downloadAll(image, [
      { edge: north, upstream: origin },
      { edge: south, upstream: north },
    ])

  say('\nEach edge is asked for it for the first time')
  await downloads()
  say(`  The zeros never travelled, and what south needed did not leave the origin again.`)

  say('\nThey are asked again')
  await downloads()

  say('\nThe origin is killed')
  await origin.kill()
  await downloads()

  const seconds = (performance.now() - startedAt) / 1000
  say(`\nEvery copy had the right SHA-256. It took ${seconds.toFixed(1)} s; all of it is removed.`)
}

async function upload(origin: DemoSite): Promise<Image> {
  // Zeros in the middle of the data, as in the disk of a machine.
  const bytes = Buffer.concat([
    randomBytes(RANDOM / 2),
    Buffer.alloc(ZEROS),
    randomBytes(RANDOM / 2),
  ])
  const body = JSON.stringify({
    name: 'demo',
    disk_format: 'raw',
    container_format: 'bare',
    visibility: 'public',
  })
  const created = await fetch(`${origin.url}/v2/images`, { method: 'POST', body })
  const { id }: { id: string } = await requireOk(created).json()
  const seconds = await timed(async () => {
    const headers = { 'Content-Type': 'application/octet-stream' }
    const url = `${origin.url}/v2/images/${id}/file`
    requireOk(await fetch(url, { method: 'PUT', headers, body: bytes }))
  })
  say(`  uploaded in ${told(bytes.length, seconds)}`)
  return { id, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

async function visible(edge: DemoSite, { id }: Image): Promise<void> {
  const limit = Date.now() + VISIBLE_MS
  for (;;) {
    const response = await fetch(`${edge.url}/v2/images/${id}`)
    const shown: { status?: string } = response.ok ? await response.json() : {}
    if (shown.status === 'active') return
    if (Date.now() > limit) throw new Error(`${edge.name} does not list the image`)
    await setTimeout(10)
  }
}

/** Asks each edge in turn, and says how much of it the site upstream has had to send. */
async function downloadAll(
  image: Image,
  pairs: { edge: DemoSite; upstream: DemoSite }[],
): Promise<void> {
  const taken = []
  for (const { edge, upstream } of pairs) {
    const before = upstream.chunkBytes()
    taken.push({ edge, upstream, before, seconds: await timed(() => download(edge, image)) })
  }
  // The upstream logs a chunk after it has gone out.
  await setTimeout(200)
  for (const { edge, upstream, before, seconds } of taken) {
    const moved = mib(upstream.chunkBytes() - before)
    say(`  ${edge.name}  ${told(image.size, seconds)}, ${upstream.name} sent it ${moved}`)
  }
}

async function download(edge: DemoSite, image: Image): Promise<void> {
  const hash = createHash('sha256')
  const response = requireOk(await fetch(`${edge.url}/v2/images/${image.id}/file`))
  for await (const part of response.body ?? []) hash.update(part)
  if (hash.digest('hex') !== image.sha256) {
    throw new Error(`${edge.name} served something else than the image`)
  }
}

function requireOk(response: Response): Response {
  if (response.ok) return response
  throw new Error(`${response.url} answered ${response.status}`)
}

/** Seconds. */
async function timed(action: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await action()
  return (performance.now() - startedAt) / 1000
}

function told(bytes: number, seconds: number): string {
  return `${seconds.toFixed(2)} s (${(bytes / seconds / 1e6).toFixed(0)} MB/s)`
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
