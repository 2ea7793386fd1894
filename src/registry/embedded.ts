/**
 * The embedded libSQL file on Node and Deno, as a client for `drizzle-orm/libsql/web`. The official client's `file:`
 * mode deadlocks with itself and has no busy timeout (docs/decisions/001-embedded-client.md).
 *
 * The native engine is synchronous, so a batch holds the connection from BEGIN to COMMIT and needs no queue. Two
 * processes may share a file: each waits for the other's lock, at most BUSY_TIMEOUT_MS.
 */
import { closeSync, openSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { Client, InStatement } from '@libsql/client/web'
import Database from 'libsql'
import { codeOf } from '../error-code.ts'
import { HeliostatError } from '../errors.ts'
import { isDamage } from './damage.ts'
import type { RegistryClient } from './database.ts'
import { createReader } from './embedded-reader.ts'
import { createRunner } from './embedded-runner.ts'
import { createReserve, type Reserve } from './reserve.ts'

const BUSY_TIMEOUT_MS = 10_000

const PRAGMAS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA foreign_keys = ON;
  PRAGMA temp_store = MEMORY;
`

/** How an embedded file is opened. */
export interface EmbeddedOptions {
  /** Keeps every other process out, and fails at once with SQLITE_BUSY while one has the file open. */
  alone?: boolean
}

/** Opens (and creates) the database file. A batch is durable when it resolves. */
export function openEmbedded(
  path: string,
  { alone = false }: EmbeddedOptions = {},
): RegistryClient {
  const reserve = createReserve(`${path}-reserve`)
  const database = openDatabase(path, reserve, alone)
  const log = createLogSync(`${path}-wal`)
  const { run, runText, batch, changes } = createRunner(database)
  const reader = createReader(path, { timeout: BUSY_TIMEOUT_MS })

  /** A full disk and a damaged file are the operator's to mend; every other error of the database stays as it is. */
  function attempt<T>(action: () => T): T {
    // The native engine does not survive a call after its close.
    if (!database.open) throw new Error('The database is closed')
    try {
      return action()
    } catch (error) {
      return passOn(error)
    }
  }

  function insist<T>(action: () => T): T {
    return withReserve(
      reserve,
      () => attempt(action),
      () => beginLogAnew(database),
    )
  }

  /** While the reserve is used up by what makes room, nothing else may take more. */
  async function requireReserve(): Promise<void> {
    if (!(await reserve.hold())) throw noSpace(new Error('The reserve is used up'))
  }

  function clientOf(doing: typeof attempt, admit: () => Promise<void>): Client {
    return {
      execute: async (statement: InStatement) => doing(() => run(statement)),
      async batch(statements) {
        await admit()
        const results = doing(() => batch(statements.map(asStatement)))
        await log.sync()
        return results
      },
      migrate: async (statements) => doing(() => batch(statements)),
      executeMultiple: async (sql) => doing(() => runText(sql)),
      transaction: () => Promise.reject(new Error('Interactive transactions are not available')),
      sync: () => Promise.resolve(undefined),
      close() {
        reader.close()
        log.close()
        database.close()
      },
      reconnect: () => undefined,
      closed: false,
      protocol: 'file',
    }
  }

  const client = clientOf(attempt, requireReserve)
  const freeing = clientOf(insist, async () => undefined)
  // No other connection gets into a file that one has alone.
  if (alone) return { ...client, freeing, changes }
  const execute = (statement: InStatement) => reader.execute(statement).catch(passOn)
  return { ...client, freeing, changes, aside: { ...client, execute } }
}

function passOn(error: unknown): never {
  if (isDamage(error)) throw damaged(error)
  throw isFull(error) ? noSpace(error) : error
}

/** What the operator has to mend, and a client cannot help. */
function damaged(cause: unknown): HeliostatError {
  return new HeliostatError('unavailable', 'The database is damaged', { cause })
}

/** Also on a full disk, where its shared memory may find no room. */
function openDatabase(path: string, reserve: Reserve, alone: boolean): Database.Database {
  return withReserve(reserve, () => {
    createPrivately(path)
    const database = new Database(path, { timeout: alone ? 0 : BUSY_TIMEOUT_MS })
    // Before all others: every connection shares a lock on the file for as long as it is open.
    if (alone) database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec(PRAGMAS)
    return database
  })
}

/** Does something once more, with the reserve, when there was no space for it. */
function withReserve<T>(reserve: Reserve, action: () => T, prepare = () => undefined): T {
  try {
    return action()
  } catch (error) {
    if (!isFull(error)) throw error
    reserve.release()
    prepare()
    return action()
  }
}

/** The next write then takes no more space for the log than that has. Waits for nobody who still reads. */
function beginLogAnew(database: Database.Database): undefined {
  try {
    database.exec('PRAGMA wal_checkpoint(PASSIVE)')
  } catch (error) {
    if (!isFull(error)) throw error
  }
}

/** The engine would make a file that everybody may read. Its log and its shared memory get the mode of the database. */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o640))
  } catch {
    // It is there already, or cannot be: then the engine says why.
  }
}

/**
 * Syncs the write-ahead log beside the event loop. With `synchronous = FULL` the engine would do so itself, but every
 * other request would wait for the disk meanwhile; with NORMAL alone a power cut may lose the last commits.
 */
function createLogSync(path: string) {
  let file: Promise<FileHandle> | null = null
  return {
    async sync(): Promise<void> {
      file ??= open(path, 'r').catch((error: unknown) => {
        // Or no later batch would ever succeed.
        file = null
        throw error
      })
      const handle = await file
      await handle.datasync()
    },
    close(): void {
      void file?.then((handle) => handle.close())
    },
  }
}

const FULL = new Set(['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE'])

/** Also as the error that it has become. */
function isFull(error: unknown): boolean {
  if (error instanceof HeliostatError) return isFull(error.cause)
  return FULL.has(codeOf(error))
}

function noSpace(cause: unknown): HeliostatError {
  return new HeliostatError('too-large', 'The database has no space left', { cause })
}

function asStatement(statement: InStatement | [string, ...unknown[]]): InStatement {
  if (Array.isArray(statement)) throw new TypeError('Tuple statements are not supported')
  return statement
}
