/** Varnish, with what it caches in memory. */
import { freePorts } from '../../test/support/free-ports.ts'
import type { Keeper, Lab } from '../lab.ts'
import { install } from './packages.ts'

/** Caches what another server has, for longer than any workload takes. */
export async function startVarnish(lab: Lab, upstream: string): Promise<Keeper> {
  await install({ commands: ['varnishd'], packages: ['varnish'] }, lab)
  const [port = 0] = await freePorts(1)
  const folder = await lab.subfolder('varnish')
  const server = await lab.start({
    name: 'varnish',
    command: 'varnishd',
    args: [
      ...['-F', '-n', folder, '-a', `127.0.0.1:${port}`, '-b', new URL(upstream).host],
      ...['-s', 'malloc,3g', '-t', '86400'],
      // As whoever runs this, who alone may enter the folder.
      ...['-j', 'none'],
    ],
    url: `http://127.0.0.1:${port}`,
  })
  return { ...server, dataDir: folder }
}
