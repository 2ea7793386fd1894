/** Adapters on other runtimes than that of the tests, behind HTTP. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'

/** A module that exports a handler, as it is served. */
export interface Served {
  url: URL
  stop(): Promise<void>
}

/** On Cloudflare's runtime. */
export async function serveOnWorkerd(file: string): Promise<Served> {
  const { outputFiles } = await build({
    entryPoints: [file],
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
  return { url: await miniflare.ready, stop: () => miniflare.dispose() }
}

/** With the given command of Deno's. */
export async function serveOnDeno(command: string, file: string): Promise<Served> {
  const allowed = ['--no-prompt', '--allow-net=127.0.0.1', '--host', '127.0.0.1', '--port', '0']
  const child = spawn(command, ['serve', ...allowed, file], {
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
    const end = async () => {
      stop()
      await ended
    }
    return { url: new URL(url), stop: end }
  }
  assert.fail(`Deno does not serve: ${log}`)
}
