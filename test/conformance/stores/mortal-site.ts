/** A service with a store of each kind, and beside it the commands that copy images into each; all are killed at once. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { env, execPath } from 'node:process'
import { promisify } from 'node:util'
import { CONDEMNED_MS } from '../../../src/inventory/condemned.ts'
import { UPLOAD_LEASE_MS } from '../../../src/inventory/leases.ts'
import { ageUnfinished, openDatabase } from '../../faults/data.ts'
import { LAUNCHER, serveArguments } from '../../support/launcher.ts'
import { environmentOf } from '../../support/options.ts'
import { startServer } from '../../support/process.ts'
import { eventually } from '../../support/server.ts'
import { temporaryFolder } from '../../support/site.ts'
import { rbdOptions, s3Options, swiftOptions } from './real-stores.ts'

/** Longer than anybody may delete an object of which nothing is heard. */
const CLAIM_MS = 60_000
const SETTLED_MS = 30_000

export const STORES = ['files', 'ceph', 'bucket', 'swift']

/** `place` names the bucket and the container. */
const optionsAt = (place: string) =>
  environmentOf({
    DEFAULT: { enabled_backends: 'files:file, ceph:rbd, bucket:s3, swift:swift' },
    glance_store: { default_backend: 'files' },
    heliostat: { chunk_size: '1MB', sweep_grace: '0' },
    ceph: rbdOptions(),
    bucket: s3Options(place),
    swift: swiftOptions(place),
  })

export type MortalSite = Awaited<ReturnType<typeof createMortalSite>>

export async function createMortalSite(place: string) {
  const folder = await temporaryFolder()
  const options = optionsAt(place)
  let copying = STORES.map(startCopying)
  let server = await startServing()

  function startCopying(store: string) {
    const args = [LAUNCHER, 'store', 'copy', '--all', '--to', store, '--data-dir', folder.path]
    const child = spawn(execPath, args, { env: { ...env, ...options }, stdio: 'ignore' })
    return { child, ended: once(child, 'exit') }
  }

  function startServing() {
    return startServer(execPath, [LAUNCHER, ...serveArguments(folder.path)], options)
  }

  async function killCopying(): Promise<void> {
    for (const { child } of copying) child.kill('SIGKILL')
    await Promise.all(copying.map(({ ended }) => ended))
  }

  return {
    dataDir: folder.path,
    url: () => server.url,
    log: () => server.log(),

    async start() {
      copying = STORES.map(startCopying)
      server = await startServing()
    },

    async kill() {
      await Promise.all([server.kill(), killCopying()])
    },

    /** Starts the service again and waits until nothing that died is left to be cleared away. */
    async recover() {
      endLeases(folder.path)
      server = await startServing()
      await eventually('what died is cleared away', SETTLED_MS, () => isSettled(folder.path))
    },

    async stop() {
      await server.stop()
      // It may have been sweeping.
      endLeases(folder.path)
      await ageUnfinished(folder.path)
    },

    /** Runs a command of `heliostat` over the same data; throws where it fails. */
    async command(...args: string[]): Promise<string> {
      const given = [LAUNCHER, ...args, '--data-dir', folder.path]
      const done = promisify(execFile)(execPath, given, { env: { ...env, ...options } })
      return (await done).stdout.trim()
    },

    async remove() {
      await Promise.all([server.kill(), killCopying()])
      await folder.remove()
    },
  }
}

/** As if the time had passed after which what is silent counts as dead. */
function endLeases(dataDir: string): void {
  const database = openDatabase(dataDir)
  const lease = UPLOAD_LEASE_MS + 1
  database.run(`UPDATE uploads SET heartbeat_at = heartbeat_at - ${lease}`)
  database.run(
    `UPDATE image_locations SET updated_at = updated_at - ${lease} WHERE status = 'saving'`,
  )
  database.run(`UPDATE loose_objects SET claimed_at = claimed_at - ${CLAIM_MS + 1}`)
  database.run(`UPDATE condemned_chunks SET condemned_at = condemned_at - ${CONDEMNED_MS + 1}`)
  database.close()
}

function isSettled(dataDir: string): true | null {
  const database = openDatabase(dataDir)
  const left = ['uploads', 'loose_objects', `image_locations WHERE status <> 'active'`].flatMap(
    (rows) => database.column(`SELECT count(*) FROM ${rows}`),
  )
  database.close()
  return left.every((count) => count === 0) || null
}

/** Nothing runs and nothing is being removed. */
export function requireAtRest(dataDir: string): void {
  const database = openDatabase(dataDir)
  for (const table of ['uploads', 'upload_chunks', 'condemned_chunks', 'loose_objects']) {
    assert.deepEqual(database.column(`SELECT count(*) FROM ${table}`), [0], table)
  }
  database.close()
}
