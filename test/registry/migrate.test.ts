import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { MIGRATIONS } from '../../schema/migrations/embedded.ts'
import { startLibsqlServer } from '../../scripts/libsql-server.ts'
import { openRegistry, type Registry } from '../../src/registry/database.ts'
import { openEmbedded } from '../../src/registry/embedded.ts'
import { CURRENT_REVISION, databaseRevision, migrate } from '../../src/registry/migrate.ts'
import { openRemote } from '../../src/registry/remote.ts'
import { temporaryFolder } from '../support/site.ts'

const ALL = MIGRATIONS.map(({ revision }) => revision)

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let opened: Registry[]

beforeEach(async () => {
  folder = await temporaryFolder()
  opened = []
})
afterEach(async () => {
  opened.forEach((registry) => registry.$client.close())
  await folder.remove()
})

function openFile(name = 'registry.db'): Registry {
  const registry = openRegistry(openEmbedded(join(folder.path, name)))
  opened.push(registry)
  return registry
}

/** Everything that the migrations make. */
async function schemaOf(registry: Registry): Promise<unknown[]> {
  const { rows } = await registry.$client.execute(
    'SELECT type, name, sql FROM sqlite_master ORDER BY type, name',
  )
  return rows.map((row) => [row[0], row[1], row[2]])
}

describe('migrate', () => {
  it('brings a fresh database to the current revision', async () => {
    const registry = openFile()
    assert.equal(await databaseRevision(registry), null)
    assert.deepEqual(await migrate(registry), ALL)
    assert.equal(await databaseRevision(registry), CURRENT_REVISION)
  })

  it('refuses the database of another program, and leaves it as it is', async () => {
    const registry = openFile()
    await registry.$client.execute('CREATE TABLE images (id VARCHAR(36))')
    const schema = await schemaOf(registry)
    await assert.rejects(migrate(registry), {
      name: 'ConfigError',
      message:
        '[database] connection: this database has tables of another program, such as "images", ' +
        'wanted one of Heliostat, or an empty one',
    })
    assert.deepEqual(await schemaOf(registry), schema)
  })

  it('has nothing to do the second time', async () => {
    const registry = openFile()
    await migrate(registry)
    const schema = await schemaOf(registry)
    assert.deepEqual(await migrate(registry), [])
    assert.deepEqual(await schemaOf(registry), schema)
  })

  it('applies each revision once when two connections migrate at once', async () => {
    const [first, second] = [openFile(), openFile()]
    const applied = await Promise.all([migrate(first), migrate(second)])
    assert.deepEqual(applied.flat().toSorted(), ALL)
    assert.deepEqual(
      [await databaseRevision(first), await databaseRevision(second)],
      [CURRENT_REVISION, CURRENT_REVISION],
    )
  })
})

describe('migrate over a libSQL server', () => {
  let server: Awaited<ReturnType<typeof startLibsqlServer>>

  const TOKEN = 'secret'

  beforeEach(async () => {
    server = await startLibsqlServer({ path: join(folder.path, 'remote.db'), authToken: TOKEN })
  })
  afterEach(() => server.close())

  const connect = () => openRegistry(openRemote(server.url, TOKEN))

  it('makes the same schema as on a file', async () => {
    const [remote, embedded] = [connect(), openFile()]
    assert.equal(await databaseRevision(remote), null)
    assert.deepEqual(await migrate(remote), ALL)
    assert.deepEqual(await migrate(remote), [])
    assert.equal(await databaseRevision(remote), CURRENT_REVISION)
    await migrate(embedded)
    assert.deepEqual(await schemaOf(remote), await schemaOf(embedded))
  })

  it('applies each revision once when two clients migrate at once', async () => {
    const applied = await Promise.all([migrate(connect()), migrate(connect())])
    assert.deepEqual(applied.flat().toSorted(), ALL)
  })

  it('is refused without the token', async () => {
    await assert.rejects(migrate(openRegistry(openRemote(server.url, null))), /401/)
  })
})
