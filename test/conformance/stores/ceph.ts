import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type RbdOptions } from '../../../src/blobs/rbd/store.ts'
import { temporaryFolder } from '../../support/site.ts'

const run = promisify(execFile)
const SCRIPT = join(import.meta.dirname, 'ceph.sh')

export type Ceph = Awaited<ReturnType<typeof startCeph>>

/** A Ceph of its own for a test, by Debian's packages. */
export async function startCeph(env: Record<string, string> = {}) {
  const { path, remove } = await temporaryFolder()
  const folder = join(path, 'ceph')
  const conf = join(folder, 'ceph.conf')
  await run('bash', [SCRIPT, 'start', folder], { env: { ...process.env, ...env } })

  /** What a client prints. */
  async function client(program: string, ...args: string[]): Promise<string> {
    const { stdout } = await run(program, ['--conf', conf, ...args], { timeout: 60_000 })
    return stdout.trim()
  }

  return {
    /** For files of the test. */
    path,
    conf,
    ceph: (...args: string[]) => client('ceph', ...args),
    /** As a user of the cluster. */
    rbd: (user: string, ...args: string[]) => client('rbd', '--id', user, ...args),
    options: (options: Partial<RbdOptions> = {}): RbdOptions => ({
      rbd_store_pool: 'images',
      rbd_store_user: 'glance',
      rbd_store_ceph_conf: conf,
      rbd_store_chunk_size: 8,
      rados_connect_timeout: null,
      ...options,
    }),
    async signalOsd(signal: 'SIGSTOP' | 'SIGCONT') {
      process.kill(Number(await readFile(join(folder, 'run', 'osd.0.pid'), 'utf8')), signal)
    },
    async stop() {
      await run('bash', [SCRIPT, 'stop', folder])
      await remove()
    },
  }
}
