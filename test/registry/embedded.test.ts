import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Client } from '@libsql/client/web'
import { eq, sql } from 'drizzle-orm'
import { MIGRATIONS } from '../../schema/migrations/embedded.ts'
import { feed, images, imageTags } from '../../schema/tables.ts'
import { changesOne, openRegistry, type Registry } from '../../src/registry/database.ts'
import { openEmbedded } from '../../src/registry/embedded.ts'
import { migrate } from '../../src/registry/migrate.ts'
import { openTestRegistry, queuedRow, type TestRegistry } from '../support/registry.ts'
import { temporaryFolder } from '../support/site.ts'

const WRITER = fileURLToPath(new URL('./writer.ts', import.meta.url))

let site: TestRegistry
let registry: Registry
let client: Client

beforeEach(async () => {
  site = await openTestRegistry()
  registry = site.registry
  client = registry.$client
})
afterEach(() => site.close())

const insertImage = (attributes: Parameters<typeof queuedRow>[0]) =>
  registry.insert(images).values(queuedRow(attributes))

const insertFeed = (seq: number) =>
  registry.insert(feed).values({ seq, kind: 'image', record_id: 'x', changed_at: 1 })

const seqs = async () => (await registry.select().from(feed)).map(({ seq }) => seq)

/** Runs writer.ts and gives the revisions that it has applied. */
async function runWriter(file: string, times: number): Promise<string[]> {
  const run = promisify(execFile)
  const args = ['--import', 'tsx', WRITER, file, String(times)]
  return JSON.parse((await run(process.execPath, args)).stdout)
}

describe('batch', () => {
  it('commits all its statements and gives the result of each', async () => {
    const [first, rows, none] = await registry.batch([
      insertFeed(1),
      registry.select({ seq: feed.seq }).from(feed),
      registry.delete(feed).where(eq(feed.seq, 99)),
    ])
    assert.equal(first.rowsAffected, 1)
    assert.deepEqual(rows, [{ seq: 1 }])
    assert.equal(none.rowsAffected, 0)
  })

  it('leaves nothing behind when a statement fails, whichever', async () => {
    await assert.rejects(registry.batch([insertFeed(1), insertFeed(2), insertFeed(1)]), /UNIQUE/)
    await assert.rejects(registry.batch([insertFeed(3), registry.run(sql`no SQL`)]), /syntax error/)
    assert.deepEqual(await seqs(), [])
  })

  it('works after one that has failed', async () => {
    await assert.rejects(registry.batch([insertFeed(1), insertFeed(1)]))
    await registry.batch([insertFeed(1)])
    assert.deepEqual(await seqs(), [1])
  })

  it('is there when the file is opened again', async () => {
    await registry.batch([insertFeed(1)])
    const other = openRegistry(openEmbedded(site.file))
    assert.equal((await other.select().from(feed)).length, 1)
    other.$client.close()
  })

  it('is whole for a second connection that reads meanwhile', async () => {
    const other = openRegistry(openEmbedded(site.file))
    const seen: number[] = []
    const writing = Array.from({ length: 20 }, (_, i) =>
      registry.batch([insertFeed(2 * i + 1), insertFeed(2 * i + 2)]),
    )
    const reading = Array.from({ length: 20 }, async () => {
      seen.push((await other.select().from(feed)).length)
    })
    await Promise.all([...writing, ...reading])
    assert.ok(seen.every((rows) => rows % 2 === 0))
    other.$client.close()
  })

  it('refuses statements as tuples, which drizzle never sends', async () => {
    await assert.rejects(client.batch([['SELECT ?', [1]]]), /Tuple statements/)
  })
})

describe('changesOne', () => {
  it('tells whether the first statement has changed a row', async () => {
    const update = registry.update(feed).set({ record_id: 'y' }).where(eq(feed.seq, 1))
    assert.equal(await changesOne(registry, update, insertFeed(2)), false)
    assert.equal(await changesOne(registry, insertFeed(1)), true)
    assert.equal(await changesOne(registry, update), true)
  })
})

describe('foreign keys', () => {
  it('refuse a row without its image', async () => {
    const orphan = registry.insert(imageTags).values({ image_id: 'nobody', value: 'tag' })
    await assert.rejects(registry.batch([orphan]), { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' })
  })

  it('take what belongs to an image away with it', async () => {
    await insertImage({ id: 'mine' })
    await registry.insert(imageTags).values({ image_id: 'mine', value: 'tag' })
    await registry.delete(images)
    assert.deepEqual(await registry.select().from(imageTags), [])
  })
})

describe('values', () => {
  it('come back as they went in', async () => {
    const name = "Robert'); DROP TABLE images; -- é😀\u0001"
    const created_at = 2 ** 53 - 1
    await insertImage({ id: 'mine', name, protected: true, created_at, min_ram: 0 })
    const found = await registry.select().from(images).get()
    assert.equal(found?.name, name)
    assert.equal(found?.protected, true)
    assert.equal(found?.os_hidden, false)
    assert.equal(found?.created_at, created_at)
    assert.equal(found?.checksum, null)
    assert.equal(found?.min_ram, 0)
  })
})

describe('statements', () => {
  it('are more than are kept prepared', async () => {
    const count = 600
    const answers = await Promise.all(
      Array.from({ length: count }, (_, i) => client.execute(`SELECT ${i}`)),
    )
    assert.deepEqual(
      answers.map(({ rows }) => rows[0]?.[0]),
      Array.from({ length: count }, (_, i) => i),
    )
    assert.equal((await client.execute('SELECT 0')).rows[0]?.[0], 0)
  })

  it('see a table as another connection has changed it', async () => {
    assert.equal((await client.execute('SELECT * FROM feed')).rows.length, 0)
    const other = openEmbedded(site.file)
    await other.execute('ALTER TABLE feed ADD COLUMN extra TEXT')
    other.close()
    await registry.batch([insertFeed(1)])
    assert.equal((await client.execute('SELECT extra FROM feed')).rows.length, 1)
  })
})

describe('full database', () => {
  it('refuses with what the client is to know, and works again when there is space [413]', async () => {
    const { rows } = await client.execute('PRAGMA page_count')
    await client.execute(`PRAGMA max_page_count = ${Number(rows[0]?.[0])}`)
    const big = insertImage({ name: 'x'.repeat(1 << 20) })
    const full = { code: 'too-large', status: 413, message: 'The database has no space left' }
    await assert.rejects(registry.batch([insertFeed(1), big]), full)
    const statement = {
      sql: 'UPDATE schema_migrations SET revision = ?',
      args: ['x'.repeat(1 << 20)],
    }
    await assert.rejects(client.execute(statement), full)
    await client.execute('PRAGMA max_page_count = 1000000')
    assert.deepEqual(await seqs(), [])
    await registry.batch([insertFeed(2), big])
    assert.deepEqual(await seqs(), [2])
  })
})

describe('two connections', () => {
  it('count exactly', async () => {
    await client.executeMultiple(
      'CREATE TABLE counters (value INTEGER NOT NULL); INSERT INTO counters VALUES (0)',
    )
    const other = openEmbedded(site.file)
    const increment = (connection: Client) =>
      connection.batch(['UPDATE counters SET value = value + 1', 'SELECT value FROM counters'])
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => increment(i % 2 === 0 ? client : other)),
    )
    assert.equal((await other.execute('SELECT value FROM counters')).rows[0]?.[0], 100)
    other.close()
  })
})

describe('processes on one file', () => {
  it('count exactly', async () => {
    await client.executeMultiple(
      'CREATE TABLE counters (value INTEGER NOT NULL); INSERT INTO counters VALUES (0)',
    )
    await Promise.all([runWriter(site.file, 100), runWriter(site.file, 100)])
    assert.equal((await client.execute('SELECT value FROM counters')).rows[0]?.[0], 200)
  })

  it('may all create it: each revision is brought in by one of them', async () => {
    const folder = await temporaryFolder()
    const file = join(folder.path, 'new.db')
    const applied = await Promise.all([runWriter(file, 0), runWriter(file, 0)])
    const late = openRegistry(openEmbedded(file))
    assert.deepEqual(await migrate(late), [])
    assert.deepEqual(
      applied.flat().sort(),
      MIGRATIONS.map(({ revision }) => revision),
    )
    late.$client.close()
    await folder.remove()
  })
})

describe('interactive transaction', () => {
  it('is refused', async () => {
    await assert.rejects(client.transaction('write'), /not available/)
  })
})

describe('close', () => {
  it('refuses what comes after it', async () => {
    const other = openEmbedded(site.file)
    other.close()
    await assert.rejects(other.execute('SELECT 1'), /The database is closed/)
    await assert.rejects(other.batch(['SELECT 1']), /The database is closed/)
  })
})
