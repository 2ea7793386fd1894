/** nginx in front of nodes, as docs/several-nodes.md has it: what is printed there is what runs here. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../support/free-ports.ts'
import { eventually } from '../../support/server.ts'

const GUIDE = fileURLToPath(new URL('../../../docs/several-nodes.md', import.meta.url))

export interface Balancer {
  url: string
  stop(): Promise<void>
}

export async function startBalancer(folder: string, ports: [number, number]): Promise<Balancer> {
  const [port = 0] = await freePorts(1)
  const [, printed = ''] = /```nginx\n(.*?)```/s.exec(await readFile(GUIDE, 'utf8')) ?? []
  const site = printed
    .replace('listen 9292', `listen 127.0.0.1:${port}`)
    .replace('node1.example:9292', `127.0.0.1:${ports[0]}`)
    .replace('node2.example:9292', `127.0.0.1:${ports[1]}`)
  assert.doesNotMatch(site, /example/)
  const file = join(folder, 'nginx.conf')
  await writeFile(file, around(folder, site))
  const errors = join(folder, 'nginx-errors.log')
  const child = spawn('nginx', ['-e', errors, '-c', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = once(child, 'exit')
  // Without this it would outlive a test that is ended.
  const kill = () => child.kill('SIGTERM')
  process.once('exit', kill)
  const url = `http://127.0.0.1:${port}`
  await eventually('nginx listens', 5_000, () =>
    fetch(url).then(
      async (response) => (await response.text(), true),
      () => null,
    ),
  )
  return {
    url,
    async stop() {
      kill()
      await ended
      process.off('exit', kill)
    },
  }
}

function around(folder: string, site: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(folder, kind)};`)
    .join('\n')
  const { username } = userInfo()
  return `
daemon off;
${username === 'root' ? 'user root;' : ''}
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
events {}
http {
access_log off;
${temporary}
${site}
}`
}
