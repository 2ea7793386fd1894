/** Origins and edges as real processes, and what a test asks of them. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { environmentOf, SMALL_CHUNKS } from './options.ts'
import type { RunningProcess } from './process.ts'
import { eventually, startOnNode } from './server.ts'
import { temporaryFolder } from './site.ts'

export const MIB = 1 << 20
export const TOKEN = 'mirror-token'

/** The options of a site that may be followed, with chunks of 1 MiB. */
export const ORIGIN_OPTIONS = environmentOf({ ...SMALL_CHUNKS, mirror: { tokens: TOKEN } })

/** The options of a site that follows another. */
export const followingOptions = (upstream: string) =>
  environmentOf({ mirror: { upstream, upstream_token: TOKEN } })

/** A site that may be followed, with chunks of 1 MiB. */
export function startOrigin(dataDir: string, env = {}): Promise<RunningProcess> {
  return startOnNode(dataDir, { ...ORIGIN_OPTIONS, ...env })
}

/** A site that follows another, and may be followed itself. */
export function startEdge(dataDir: string, upstream: string, env = {}): Promise<RunningProcess> {
  return startOrigin(dataDir, { ...followingOptions(upstream), ...env })
}

/** Waits until an edge has had its first snapshot: before that it says nothing of images. */
export function untilSynced(url: string): Promise<true> {
  return eventually(`${url} has had a snapshot`, 10_000, async () => {
    const response = await fetch(`${url}/v2/images?limit=0`)
    await response.text()
    return response.ok ? true : null
  })
}

/** Waits until a site shows an image as one that can be read. */
export function untilActive(url: string, id: string, within = 5_000): Promise<true> {
  return eventually(`image ${id} is active at ${url}`, within, async () => {
    const response = await fetch(`${url}/v2/images/${id}`)
    const text = await response.text()
    return response.ok && JSON.parse(text).status === 'active' ? true : null
  })
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export interface Comparison {
  status: number
  /** How many bytes came, up to the first one that is wrong. */
  right: number
  wrong: boolean
}

/** What a download is found to be when every byte came, and is right. */
export function wholeDownload(size: number): Comparison {
  return { status: 200, right: size, wrong: false }
}

/**
 * Downloads and compares with what should come, in one reused buffer: a hundred of these are cheaper than the server.
 * `until` hangs up after that many bytes.
 */
export async function compareDownload(
  url: string,
  expected: Buffer,
  { path, until = Infinity }: { path: string; until?: number },
): Promise<Comparison> {
  const found: Comparison = { status: 0, right: 0, wrong: false }
  const { hostname, port } = new URL(url)
  let head = ''
  const take = (bytes: Buffer): boolean => {
    const part = expected.subarray(found.right, found.right + bytes.length)
    if (!part.equals(bytes)) found.wrong = true
    else found.right += bytes.length
    if (found.wrong || found.right >= until) socket.destroy()
    return true
  }
  const callback = (length: number, buffer: Uint8Array): boolean => {
    const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, length)
    if (found.status !== 0) return take(bytes)
    head += bytes.toString('latin1')
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return true
    found.status = Number(head.slice(9, 12))
    const body = Buffer.from(head.slice(end + 4), 'latin1')
    return body.length > 0 ? take(body) : true
  }
  const onread = { buffer: Buffer.allocUnsafe(MIB / 4), callback }
  const socket = connect({ host: hostname, port: Number(port), onread })
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  // A connection that is reset has brought what it has brought.
  await once(socket, 'close').catch(() => undefined)
  return found
}

/** A folder for each site; all are removed at once. */
export async function temporaryFolders(count: number) {
  const folders = await Promise.all(Array.from({ length: count }, temporaryFolder))
  return {
    paths: folders.map(({ path }) => path),
    remove: () => Promise.all(folders.map((folder) => folder.remove())),
  }
}

/** A process as the helpers of test/support/images.ts want a site. */
export function siteAt(url: string) {
  return { request: (path: string, init?: RequestInit) => fetch(`${url}${path}`, init) }
}
