import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import { createS3Store } from '../../src/blobs/s3/store.ts'
import { findDeno } from '../support/deno.ts'
import { sendError, startS3Server } from '../support/s3-server.ts'
import { chunkStoreContract, type OpenedStore } from './chunk-store.ts'
import { OPTIONS } from './over-http.ts'
import { openOverHttp } from './remote.ts'

/** Going on after a page is the same everywhere. */
const FEW = 100
const WORKER = fileURLToPath(new URL('./s3-worker.ts', import.meta.url))

chunkStoreContract('S3, on Node', async () => {
  const server = await startS3Server()
  return { store: createS3Store(server.options, fetch), close: async () => server.close() }
})

chunkStoreContract('S3, on workerd', startWorkerd, FEW)

const deno = findDeno()
if (deno !== null) chunkStoreContract('S3, on Deno', () => startDeno(deno), FEW)
else describe('S3, on Deno', () => it('works', { skip: 'npm has no Deno for this platform' }))

async function startWorkerd(): Promise<OpenedStore> {
  const { outputFiles } = await build({
    entryPoints: [WORKER],
    bundle: true,
    format: 'esm',
    write: false,
    external: ['node:*'],
  })
  const miniflare = new Miniflare({
    modules: true,
    script: outputFiles[0]?.text ?? '',
    compatibilityDate: '2026-04-01',
    compatibilityFlags: ['nodejs_compat'],
    cf: false,
  })
  return openBehind(await miniflare.ready, () => miniflare.dispose())
}

async function startDeno(command: string): Promise<OpenedStore> {
  const allowed = ['--no-prompt', '--allow-net=127.0.0.1', '--host', '127.0.0.1', '--port', '0']
  const child = spawn(command, ['serve', ...allowed, WORKER], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  })
  const ended = once(child, 'exit')
  const stop = () => child.kill('SIGKILL')
  process.once('exit', stop)
  let log = ''
  for await (const line of createInterface(child.stderr)) {
    log += `${line}\n`
    const [url] = /http:\S+/.exec(line) ?? []
    if (url === undefined) continue
    child.stderr.resume()
    return openBehind(new URL(url), async () => {
      stop()
      await ended
    })
  }
  assert.fail(`Deno does not serve: ${log}`)
}

/** A store of the adapter that is behind a URL, in a server of its own, which refuses some requests at first. */
async function openBehind(url: URL, stop: () => Promise<unknown>): Promise<OpenedStore> {
  const server = await startS3Server()
  const refused = new Set<string>()
  server.trouble = (outgoing, { method, path, query }) => {
    const request = `${method} ${path} ${query}`
    if (refused.has(request) || !/owner|chunks\/0/.test(request)) return false
    refused.add(request)
    return sendError(outgoing, 503, 'SlowDown')
  }
  const close = async () => {
    await stop()
    server.close()
  }
  return openOverHttp(url, close, { [OPTIONS]: JSON.stringify(server.options) })
}
