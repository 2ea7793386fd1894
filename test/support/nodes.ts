/** Nodes of one origin: processes that share a libSQL server and a bucket. */
import { join } from 'node:path'
import { startLibsqlServer } from '../../scripts/libsql-server.ts'
import type { RawConfig } from '../../src/config.ts'
import { openRegistry } from '../../src/registry/database.ts'
import { migrate } from '../../src/registry/migrate.ts'
import { openRemote } from '../../src/registry/remote.ts'
import { environmentOf } from './options.ts'
import { startOnNode } from './server.ts'
import { temporaryFolder } from './site.ts'

export type Origin = Awaited<ReturnType<typeof openOrigin>>

/** A libSQL server with the schema in it, and what starts nodes on it. `options` are those of each node. */
export async function openOrigin(options: RawConfig) {
  const folder = await temporaryFolder()
  const server = await startLibsqlServer({ path: join(folder.path, 'libsql.db') })
  const registry = openRegistry(openRemote(server.url, null))
  await migrate(registry)
  const env = environmentOf({ ...options, database: { connection: server.url } })
  return {
    registry,
    env,
    folder: folder.path,
    /** A node's own folder. */
    folderOf: (name: string) => join(folder.path, name),
    /** On any port that is free, unless one is named. */
    start: (name: string, port = 0) => startOnNode(join(folder.path, name), env, port),
    async close() {
      registry.$client.close()
      await server.close()
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
