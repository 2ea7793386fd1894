/** Nodes of one origin: processes that share a libSQL server and a bucket. */
import { join } from 'node:path'
import type { RawConfig } from '../../src/config.ts'
import { startDatabase } from './libsql.ts'
import { environmentOf } from './options.ts'
import { startOnNode } from './server.ts'
import { temporaryFolder } from './site.ts'

export type Origin = Awaited<ReturnType<typeof openOrigin>>

/** A libSQL server with the schema in it, and what starts nodes on it. `options` are those of each node. */
export async function openOrigin(options: RawConfig) {
  const folder = await temporaryFolder()
  const database = await startDatabase(join(folder.path, 'libsql.db'))
  const env = environmentOf({ ...options, database: { connection: database.url } })
  return {
    registry: database.registry,
    env,
    folder: folder.path,
    /** A node's own folder. */
    folderOf: (name: string) => join(folder.path, name),
    /** On any port that is free, unless one is named. */
    start: (name: string, port = 0) => startOnNode(join(folder.path, name), env, port),
    async close() {
      await database.stop()
      await folder.remove()
    },
  }
}

/** Whether it is the node that does the upkeep. */
export async function hasDuty(url: string): Promise<boolean> {
  return (await gaugeOf(url, 'heliostat_upkeep_duty')) === 1
}

async function gaugeOf(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const [, value] = new RegExp(`^${name} (\\S+)$`, 'm').exec(text) ?? []
  return Number(value)
}
