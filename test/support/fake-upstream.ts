/** An upstream whose answers a test chooses, and an edge's follower of it, both in this process. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Manifest, manifestDigest, serializeManifest } from '../../src/blobs/manifest.ts'
import type { ImageRecord } from '../../src/mirror/feed/records.ts'
import { createFollower } from '../../src/mirror/follow/follower.ts'
import { createReplica } from '../../src/mirror/follow/replica.ts'
import { createUpstream } from '../../src/mirror/upstream/client.ts'
import { openTestRegistry, queuedRow } from './registry.ts'

export type Answer = (outgoing: ServerResponse, incoming: IncomingMessage) => void

export const sendJson =
  (...lines: unknown[]): Answer =>
  (outgoing) =>
    outgoing.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))

export const sendStatus =
  (status: number): Answer =>
  (outgoing) =>
    outgoing.writeHead(status).end()

/** Answers by what stands behind `/mirror/v1/`, without its query; 404 for anything else. */
export async function startFakeUpstream() {
  const asked: string[] = []
  const answers = new Map<string, Answer>()
  const server = createServer((incoming, outgoing) => {
    const question = incoming.url?.slice('/mirror/v1/'.length) ?? ''
    asked.push(question)
    const answer = answers.get(question.split('?')[0] ?? '') ?? sendStatus(404)
    answer(outgoing, incoming)
  })
  server.listen(0, '127.0.0.1').unref()
  await once(server, 'listening')
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    asked,
    answers,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** The feed of a fake upstream: what has changed since the edge was there last, and where it stands then. */
export async function followFakeUpstream() {
  const site = await startFakeUpstream()
  const database = await openTestRegistry()
  const upstream = createUpstream({ urls: [site.url], token: null })
  const replica = createReplica(database.registry)
  const start = () => createFollower({ upstream, replica, siteId: 'edge' })
  let seq = 0
  site.answers.set('snapshot', sendJson({ epoch: 'e', seq: 0 }))
  const tell = (...images: ImageRecord[]) => {
    seq++
    site.answers.set('head', sendJson({ epoch: 'e', seq, time: 1, sites: ['origin'] }))
    const changes = images.map((image) => ({ seq, image }))
    site.answers.set('changes', sendJson({ epoch: 'e', seq, more: false, changes }))
  }
  tell()
  return { site, database, replica, start, tell, seq: () => seq }
}

/** An active image whose bytes are those of the manifest. */
export function imageOf(manifest: Manifest, attributes: Partial<ImageRecord> = {}): ImageRecord {
  return {
    ...queuedRow({ status: 'active', size: manifest.size }),
    tags: [],
    properties: {},
    members: [],
    blob: manifestDigest(manifest),
    ...attributes,
  }
}

/** The manifest of one chunk, which the letter tells from others. */
export function manifestOf(letter: string, attributes: Partial<Manifest> = {}): Manifest {
  return {
    size: 5,
    chunkSize: 1 << 20,
    checksum: letter.repeat(32),
    hashAlgorithm: 'sha512',
    hashValue: letter.repeat(128),
    chunks: [letter.repeat(64)],
    ...attributes,
  }
}

export const sendManifest =
  (manifest: Manifest): Answer =>
  (outgoing) =>
    outgoing.end(serializeManifest(manifest))

export const manifestPath = (manifest: Manifest) => `manifests/${manifestDigest(manifest)}`
