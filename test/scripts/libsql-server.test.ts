import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createClient } from '@libsql/client/web'
import type { Client } from '@libsql/client/web'
import { eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/libsql/web'
import { blob, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { startLibsqlServer } from '../../scripts/libsql-server.ts'

const authToken = 'secret'

const items = sqliteTable('items', {
  id: integer().primaryKey(),
  name: text().notNull().unique(),
  size: integer(),
  data: blob({ mode: 'buffer' }),
})

let folder: string
let server: Awaited<ReturnType<typeof startLibsqlServer>>
let client: Client

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'libsql-server-'))
  server = await startLibsqlServer({ path: join(folder, 'test.db'), port: 0, authToken })
  client = createClient({ url: server.url, authToken })
  await client.executeMultiple(`
    CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER, data BLOB);
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
    CREATE TABLE parts (item INTEGER NOT NULL REFERENCES items (id));
  `)
})

after(async () => {
  client.close()
  await server.close()
  await rm(folder, { recursive: true })
})

async function namesLike(pattern: string): Promise<unknown[]> {
  const sql = 'SELECT name FROM items WHERE name LIKE ? ORDER BY name'
  const { rows } = await client.execute(sql, [pattern])
  return rows.map((row) => row['name'])
}

/** One raw pipeline, for what the client has no call for. */
async function pipeline(requests: object[], options: PipelineOptions = {}) {
  const { baton, token = authToken, signal = null } = options
  const response = await fetch(`${server.url}/v2/pipeline`, {
    method: 'POST',
    signal,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ baton, requests }),
  })
  return { status: response.status, body: JSON.parse(await response.text()) }
}

interface PipelineOptions {
  baton?: string
  token?: string
  signal?: AbortSignal
}

describe('execute', () => {
  it('tells the changed rows and the new rowid', async () => {
    const sql = 'INSERT INTO items (id, name) VALUES (?, ?)'
    const result = await client.execute(sql, [100, 'one'])
    assert.equal(result.rowsAffected, 1)
    assert.equal(result.lastInsertRowid, 100n)
    const unchanged = await client.execute("UPDATE items SET size = 1 WHERE name = 'nobody'")
    assert.equal(unchanged.rowsAffected, 0)
  })

  it('stores a whole JavaScript number in an INTEGER column as an integer', async () => {
    await client.execute('INSERT INTO items (name, size) VALUES (?, ?)', ['whole', 5])
    const { rows } = await client.execute(
      "SELECT size, typeof(size) AS type FROM items WHERE name = 'whole'",
    )
    assert.deepEqual({ ...rows[0] }, { size: 5, type: 'integer' })
  })

  it('gives every type of value back', async () => {
    const { rows } = await client.execute('SELECT ?, ?, ?, ?', [null, 1.5, 'é😀', 7n])
    assert.deepEqual(
      Array.from({ length: 4 }, (_, index) => rows[0]?.[index]),
      [null, 1.5, 'é😀', 7],
    )
  })

  it('keeps integers beyond 2^53 exact', async () => {
    const exact = createClient({ url: server.url, authToken, intMode: 'bigint' })
    const { rows } = await exact.execute('SELECT ? AS big', [9007199254740993n])
    assert.equal(rows[0]?.['big'], 9007199254740993n)
    exact.close()
  })

  it('takes named arguments with and without their prefix', async () => {
    const sql = "SELECT :a AS a, @b AS b, $c AS c, ':no' AS d -- :comment"
    const { rows } = await client.execute({ sql, args: { a: 'x', '@b': 'y', c: 'z' } })
    assert.deepEqual({ ...rows[0] }, { a: 'x', b: 'y', c: 'z', d: ':no' })
  })

  it('refuses a statement whose argument is missing', async () => {
    const missing = { code: 'ARGS_INVALID' }
    await assert.rejects(client.execute({ sql: 'SELECT :a', args: { b: 1 } }), missing)
    await assert.rejects(client.execute({ sql: 'SELECT ?', args: { a: 1 } }), missing)
    await assert.rejects(client.execute('SELECT ?, ?', [1]), missing)
  })

  it('refuses two statements in one', async () => {
    const many = { code: 'SQL_MANY_STATEMENTS' }
    await assert.rejects(client.execute("SELECT 1; DELETE FROM items WHERE name = ';'"), many)
    await client.execute("SELECT ';' AS text; -- the end")
  })

  it('gives blobs back byte by byte', async () => {
    const bytes = new Uint8Array([0, 1, 254, 255])
    await client.execute('INSERT INTO items (name, data) VALUES (?, ?)', ['bytes', bytes])
    const { rows } = await client.execute("SELECT data FROM items WHERE name = 'bytes'")
    const data = rows[0]?.['data']
    assert.ok(data instanceof ArrayBuffer)
    assert.deepEqual(new Uint8Array(data), bytes)
  })

  it('answers the rows of RETURNING and counts them', async () => {
    const sql = "INSERT INTO items (name) VALUES ('r1'), ('r2') RETURNING name"
    const result = await client.execute(sql)
    assert.deepEqual(
      result.rows.map((row) => row['name']),
      ['r1', 'r2'],
    )
    assert.equal(result.rowsAffected, 2)
  })

  it('names the violated constraint', async () => {
    await client.execute("INSERT INTO items (name) VALUES ('once')")
    await assert.rejects(client.execute("INSERT INTO items (name) VALUES ('once')"), {
      code: 'SQLITE_CONSTRAINT_UNIQUE',
      message: /UNIQUE constraint failed: items\.name/,
    })
    const orphan = client.execute('INSERT INTO parts (item) VALUES (424242)')
    await assert.rejects(orphan, { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' })
  })
})

describe('batch', () => {
  it('commits all its statements', async () => {
    const insert = 'INSERT INTO items (name) VALUES (?)'
    const results = await client.batch(
      [
        [insert, ['batch-1']],
        [insert, ['batch-2']],
      ],
      'write',
    )
    assert.deepEqual(
      results.map((result) => result.rowsAffected),
      [1, 1],
    )
    assert.deepEqual(await namesLike('batch-_'), ['batch-1', 'batch-2'])
  })

  it('leaves nothing behind when a statement fails', async () => {
    const insert = "INSERT INTO items (name) VALUES ('twice')"
    await assert.rejects(client.batch([insert, insert]), { code: 'SQLITE_CONSTRAINT_UNIQUE' })
    assert.deepEqual(await namesLike('twice'), [])
  })

  it('runs a read-only batch beside an open write transaction', async () => {
    const tx = await client.transaction('write')
    await tx.execute("INSERT INTO items (name) VALUES ('unseen')")
    const sql = "SELECT count(*) AS count FROM items WHERE name = 'unseen'"
    const [result] = await client.batch([`WITH unseen AS (${sql}) SELECT * FROM unseen`], 'read')
    assert.equal(result?.rows[0]?.['count'], 0)
    await tx.rollback()
  })

  it('obeys nested conditions', async () => {
    const stmt = (sql: string) => ({ sql, want_rows: true })
    const failed = { type: 'error', step: 0 }
    const neither = {
      type: 'or',
      conds: [
        { type: 'ok', step: 0 },
        { type: 'not', cond: failed },
      ],
    }
    const outside = { type: 'and', conds: [failed, { type: 'is_autocommit' }] }
    const steps = [
      { stmt: stmt('SELECT nonsense') },
      { stmt: stmt('SELECT 1'), condition: neither },
      { stmt: stmt('SELECT 2'), condition: outside },
    ]
    const { body } = await pipeline([{ type: 'batch', batch: { steps } }, { type: 'close' }])
    const { step_results: results, step_errors: errors } = body.results[0].response.result
    assert.equal(errors[0].code, 'SQLITE_ERROR')
    assert.deepEqual([results[0], results[1], errors[1], errors[2]], [null, null, null, null])
    assert.deepEqual(results[2].rows, [[{ type: 'integer', value: '2' }]])
  })
})

describe('interactive transaction', () => {
  it('keeps what it committed', async () => {
    const tx = await client.transaction('write')
    await tx.execute("INSERT INTO items (name) VALUES ('kept')")
    const { rows } = await tx.execute("SELECT name FROM items WHERE name = 'kept'")
    assert.equal(rows.length, 1)
    await tx.commit()
    assert.deepEqual(await namesLike('kept'), ['kept'])
  })

  it('forgets what it rolled back', async () => {
    const tx = await client.transaction('write')
    await tx.execute("INSERT INTO items (name) VALUES ('lost')")
    await tx.rollback()
    assert.deepEqual(await namesLike('lost'), [])
  })

  it('is rolled back when it is closed without a commit', async () => {
    const tx = await client.transaction('write')
    await tx.execute("INSERT INTO items (name) VALUES ('closed')")
    tx.close()
    await client.execute("INSERT INTO items (name) VALUES ('after closed')")
    assert.deepEqual(await namesLike('%closed'), ['after closed'])
  })

  it('queues behind the others, 20 at once', async () => {
    await client.execute("INSERT INTO counters VALUES ('hits', 0)")
    const increment = async () => {
      const tx = await client.transaction('write')
      const { rows } = await tx.execute("SELECT value FROM counters WHERE name = 'hits'")
      const value = Number(rows[0]?.['value']) + 1
      await tx.execute({ sql: "UPDATE counters SET value = ? WHERE name = 'hits'", args: [value] })
      await tx.commit()
    }
    await Promise.all(Array.from({ length: 20 }, increment))
    const { rows } = await client.execute("SELECT value FROM counters WHERE name = 'hits'")
    assert.equal(rows[0]?.['value'], 20)
  })

  it('queues even when it is deferred and reads first', async () => {
    await client.execute("INSERT INTO counters VALUES ('deferred', 0)")
    const increment = async () => {
      const tx = await client.transaction('deferred')
      await tx.execute("SELECT value FROM counters WHERE name = 'deferred'")
      await tx.execute("UPDATE counters SET value = value + 1 WHERE name = 'deferred'")
      await tx.commit()
    }
    await Promise.all(Array.from({ length: 20 }, increment))
    const { rows } = await client.execute("SELECT value FROM counters WHERE name = 'deferred'")
    assert.equal(rows[0]?.['value'], 20)
  })
})

describe('abandoned transaction', () => {
  it('is rolled back after the idle time, and the writers behind it go on', async () => {
    const path = join(folder, 'idle.db')
    const impatient = await startLibsqlServer({ path, idleMs: 50 })
    const writer = createClient({ url: impatient.url })
    await writer.execute('CREATE TABLE things (name TEXT)')
    const tx = await writer.transaction('write')
    await tx.execute("INSERT INTO things VALUES ('abandoned')")
    await writer.execute("INSERT INTO things VALUES ('next')")
    const { rows } = await writer.execute('SELECT name FROM things')
    assert.deepEqual(
      rows.map((row) => row['name']),
      ['next'],
    )
    await assert.rejects(tx.execute('SELECT 1'), { code: 'STREAM_EXPIRED' })
    await impatient.close()
  })
})

describe('writer that leaves the queue', () => {
  it('holds nobody up', async () => {
    const begin = [{ type: 'execute', stmt: { sql: 'BEGIN IMMEDIATE' } }]
    const { body } = await pipeline(begin)
    const leaving = AbortSignal.timeout(50)
    await assert.rejects(pipeline(begin, { signal: leaving }), { name: 'TimeoutError' })
    // Lets the server see the closed socket before the turn comes.
    await setTimeout(50)
    await pipeline([{ type: 'close' }], { baton: body.baton })
    const started = performance.now()
    await client.execute("INSERT INTO items (name) VALUES ('not held up')")
    assert.ok(performance.now() - started < 5000)
  })
})

describe('pipeline', () => {
  it('keeps stored SQL texts from one request to the next', async () => {
    const stored = await pipeline([{ type: 'store_sql', sql_id: 1, sql: 'SELECT 42' }])
    const execute = { type: 'execute', stmt: { sql_id: 1 } }
    const requests = [execute, { type: 'close_sql', sql_id: 1 }, execute, { type: 'close' }]
    const { body } = await pipeline(requests, { baton: stored.body.baton })
    assert.deepEqual(body.results[0].response.result.rows, [[{ type: 'integer', value: '42' }]])
    assert.equal(body.results[2].error.code, 'SQL_NOT_FOUND')
    assert.equal(body.baton, null)
  })

  it('takes a baton once [400]', async () => {
    const { body } = await pipeline([{ type: 'get_autocommit' }])
    assert.equal(body.results[0].response.is_autocommit, true)
    assert.equal((await pipeline([{ type: 'close' }], { baton: body.baton })).status, 200)
    assert.equal((await pipeline([{ type: 'close' }], { baton: body.baton })).status, 400)
  })

  it('describes a statement', async () => {
    const sql = 'SELECT id, :a AS a FROM items WHERE name = ?'
    const { body } = await pipeline([{ type: 'describe', sql }, { type: 'close' }])
    assert.deepEqual(body.results[0].response.result, {
      params: [{ name: ':a' }, { name: null }],
      cols: [
        { name: 'id', decltype: 'INTEGER' },
        { name: 'a', decltype: null },
      ],
      is_explain: false,
      is_readonly: true,
    })
  })

  it('refuses what is not the protocol [400]', async () => {
    assert.equal((await pipeline([{ type: 'dance' }])).status, 400)
  })

  it('refuses a wrong token [401]', async () => {
    assert.equal((await pipeline([], { token: 'guess' })).status, 401)
    const stranger = createClient({ url: server.url, authToken: 'guess' })
    await assert.rejects(stranger.execute('SELECT 1'), { code: 'SERVER_ERROR', message: /401/ })
    stranger.close()
  })
})

describe('version probe', () => {
  it('is answered for the JSON versions, not for protobuf', async () => {
    const status = async (path: string) => (await fetch(`${server.url}/${path}`)).status
    assert.deepEqual(
      [await status('v2'), await status('v3'), await status('v3-protobuf')],
      [200, 200, 404],
    )
  })
})

describe('drizzle', () => {
  it('inserts and selects', async () => {
    const db = drizzle({ client })
    const data = Buffer.from('bytes')
    const [inserted] = await db.insert(items).values({ name: 'drizzle', size: 9, data }).returning()
    assert.equal(inserted?.name, 'drizzle')
    const rows = await db.select().from(items).where(eq(items.name, 'drizzle'))
    assert.deepEqual(rows, [inserted])
    assert.equal(rows[0]?.data?.toString(), 'bytes')
  })

  it('rolls a nested transaction back alone', async () => {
    const db = drizzle({ client })
    await db.transaction(async (tx) => {
      await tx.insert(items).values({ name: 'outer' })
      const inner = tx.transaction(async (nested) => {
        await nested.insert(items).values({ name: 'inner' })
        throw new Error('undo')
      })
      await assert.rejects(inner, /undo/)
    })
    assert.deepEqual(await namesLike('%er'), ['outer'])
  })
})

describe('startLibsqlServer', () => {
  it('rolls open transactions back when it closes', async () => {
    const path = join(folder, 'closing.db')
    const first = await startLibsqlServer({ path })
    const writer = createClient({ url: first.url })
    await writer.execute('CREATE TABLE things (name TEXT)')
    const tx = await writer.transaction('write')
    await tx.execute("INSERT INTO things VALUES ('open')")
    await first.close()
    const second = await startLibsqlServer({ path })
    const reader = createClient({ url: second.url })
    assert.equal((await reader.execute('SELECT * FROM things')).rows.length, 0)
    await second.close()
  })
})
