/** nginx, as a static file server with `sendfile`, and as a cache that fetches slices. */
import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { freePorts } from '../../test/support/free-ports.ts'
import type { Keeper, Lab, Server } from '../lab.ts'
import { install } from './packages.ts'

const NEEDS = { commands: ['nginx'], packages: ['nginx-light'] }
/** It writes its log in batches. */
const LOG_MS = 500

/** Serves the files of a folder. `sentByNginx` tells how many bytes it has sent. */
export async function startNginx(lab: Lab, root: string): Promise<Server> {
  return startWith(lab, 'nginx', (port) => `server { listen 127.0.0.1:${port}; root ${root}; }`)
}

/** Caches what another server has, in slices of 4 MiB. Of those who want the same slice one fetches it. */
export async function startSliceCache(lab: Lab, upstream: string): Promise<Keeper> {
  const folder = await lab.subfolder('slices')
  const server = await startWith(
    lab,
    'nginx-slice',
    (port) => `
  proxy_cache_path ${folder} levels=1:2 keys_zone=slices:10m max_size=40g inactive=1d use_temp_path=off;
  upstream behind { server ${new URL(upstream).host}; keepalive 32; }
  server {
    listen 127.0.0.1:${port};
    location / {
      slice 4m;
      proxy_cache slices;
      proxy_cache_key $uri$is_args$args$slice_range;
      proxy_cache_valid 200 206 1d;
      proxy_cache_lock on;
      proxy_cache_lock_timeout 60s;
      proxy_cache_lock_age 60s;
      proxy_set_header Range $slice_range;
      proxy_set_header Connection "";
      proxy_http_version 1.1;
      proxy_pass http://behind;
    }
  }`,
  )
  return { ...server, dataDir: folder }
}

/** The bytes of all bodies that it has sent, by its own log. */
export async function sentByNginx({ log }: Server): Promise<number> {
  await setTimeout(LOG_MS)
  const lines = (await readFile(log, 'utf8')).matchAll(/^\d{3} (\d+)$/gm)
  return [...lines].reduce((sum, [, bytes]) => sum + Number(bytes), 0)
}

async function startWith(
  lab: Lab,
  name: string,
  contents: (port: number) => string,
): Promise<Server> {
  await install(NEEDS, lab)
  const [port = 0] = await freePorts(1)
  const folder = await lab.subfolder(name)
  const file = join(folder, 'nginx.conf')
  await writeFile(file, configuration(folder, contents(port)))
  return lab.start({
    name,
    command: 'nginx',
    args: ['-p', folder, '-c', file, '-e', 'stderr', '-g', 'daemon off;'],
    url: `http://127.0.0.1:${port}`,
  })
}

/** It logs as Heliostat does: each request, written in batches. */
function configuration(folder: string, contents: string): string {
  // As another user its workers could not read the folder. Without root the line would only be warned of.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  // A download keeps each slice open that it has sent, 256 files a GiB.
  return `
${user}
worker_processes ${availableParallelism()};
worker_rlimit_nofile 65536;
pid ${folder}/pid;
events { worker_connections 4096; }
http {
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  log_format bytes '$status $body_bytes_sent';
  access_log /dev/stdout bytes buffer=64k flush=200ms;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  ${contents}
}
`
}
