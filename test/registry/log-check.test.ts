import assert from 'node:assert/strict'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { sql } from 'drizzle-orm'
import Database from 'libsql'
import { lostFrames } from '../../src/registry/log-check.ts'
import { openTestRegistry, type TestRegistry } from '../support/registry.ts'
import { FRAME, lastFrameOf } from '../support/write-ahead-log.ts'

let database: TestRegistry
/** A copy of its log, as a process leaves it that is killed. */
let log: string

beforeEach(async () => {
  database = await openTestRegistry()
  log = `${database.file}-copy`
  await database.registry.run(sql`CREATE TABLE numbers (n INTEGER)`)
  for (let n = 0; n < 5; n++) await database.registry.run(sql`INSERT INTO numbers VALUES (${n})`)
  await copyFile(`${database.file}-wal`, log)
})
afterEach(() => database.close())

async function flipBit(position: number): Promise<void> {
  const bytes = await readFile(log)
  bytes[position] = (bytes[position] ?? 0) ^ 16
  await writeFile(log, bytes)
}

const frames = async () => ((await readFile(log)).length - 32) / FRAME

describe('a write-ahead log', () => {
  it('has lost nothing when it is whole, or not there', async () => {
    assert.equal(await lostFrames(log), 0)
    assert.equal(await lostFrames(`${log}-absent`), 0)
  })

  it('has lost nothing when it was begun anew over a longer one', async () => {
    await database.registry.run(sql`PRAGMA wal_checkpoint(RESTART)`)
    await database.registry.run(sql`INSERT INTO numbers VALUES (6)`)
    await copyFile(`${database.file}-wal`, log)
    assert.ok((await frames()) > 1)
    assert.equal(await lostFrames(log), 0)
  })

  it('has lost nothing when its last frame was not written to the end', async () => {
    await writeFile(log, (await readFile(log)).subarray(0, -1000))
    assert.equal(await lostFrames(log), 0)
  })

  it('has lost nothing when a killed transaction lies behind a later one that took its place', async () => {
    const { registry, file } = database
    await registry.run(sql`PRAGMA wal_checkpoint(TRUNCATE)`)
    await registry.run(sql`INSERT INTO numbers VALUES (6)`)
    const large = 'x'.repeat(10 * 4096)
    await registry.run(sql`CREATE TABLE texts AS SELECT ${large} AS text`)
    // Killed before the frame that commits it.
    const killed = (await readFile(`${file}-wal`)).subarray(0, -FRAME)
    await copyFile(file, log)
    await writeFile(`${log}-wal`, killed)
    const again = new Database(log)
    again.exec('INSERT INTO numbers VALUES (7)')
    const bytes = await readFile(`${log}-wal`)
    again.close()
    assert.equal(bytes.length, killed.length)
    assert.notDeepEqual(bytes, killed)
    await writeFile(log, bytes)
    assert.equal(await lostFrames(log), 0)
  })

  it('has lost nothing when its last frame has its head, but not yet its page', async () => {
    await database.registry.run(sql`PRAGMA wal_checkpoint(RESTART)`)
    const before = await readFile(log)
    await database.registry.run(sql`INSERT INTO numbers VALUES (6)`)
    const bytes = await readFile(`${database.file}-wal`)
    const last = lastFrameOf(bytes)
    before.copy(bytes, last + 24, last + 24, last + FRAME)
    await writeFile(log, bytes)
    assert.equal(await lostFrames(log), 0)
  })

  it('has lost every frame from the damaged one on', async () => {
    const all = await frames()
    await flipBit(32 + (all - 3) * FRAME + 100)
    assert.equal(await lostFrames(log), 3)
  })

  it('has lost frames wherever the bit is', async () => {
    const start = 32 + ((await frames()) - 2) * FRAME
    for (const position of [0, 4, 16, 20, 24, FRAME - 1]) {
      await copyFile(`${database.file}-wal`, log)
      await flipBit(start + position)
      assert.equal(await lostFrames(log), 2, `bit in byte ${position}`)
    }
  })

  it('has lost all when its header is damaged', async () => {
    for (const position of [0, 9, 16, 25, 31]) {
      await copyFile(`${database.file}-wal`, log)
      await flipBit(position)
      assert.ok((await lostFrames(log)) >= (await frames()), `bit in byte ${position}`)
    }
  })
})
