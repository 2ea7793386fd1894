import { startLibsqlServer } from '../../scripts/libsql-server.ts'
import { openRegistry } from '../../src/registry/database.ts'
import { migrate } from '../../src/registry/migrate.ts'
import { openRemote } from '../../src/registry/remote.ts'

/** A libSQL server over a database file, with the schema in it, and a connection of the test's own. */
export async function startDatabase(path: string) {
  const server = await startLibsqlServer({ path })
  const registry = openRegistry(openRemote(server.url, null))
  await migrate(registry)
  return {
    url: server.url,
    registry,
    async stop() {
      registry.$client.close()
      await server.close()
    },
  }
}
