/**
 * Reads of an embedded file that run beside the event loop, in threads of the native engine, each on a connection of its
 * own: it sees every write that was acknowledged before, and keeps none from being written.
 */
import type { InStatement, ResultSet } from '@libsql/client/web'
import Database from 'libsql/promise'
import { codeOf } from '../error-code.ts'
import { HeliostatError } from '../errors.ts'
import { createTurns } from '../turns.ts'
import { bindable, resultSet } from './embedded-values.ts'

/** Statements that run at once: each takes a processor for as long as it runs. */
const AT_ONCE = 2
/** How many more may wait for that. */
const MOST_WAITING = 30
const PATIENCE_MS = 10_000
/** How often a statement that is to end is told so: one that has not begun yet does not hear it. */
const INTERRUPT_MS = 50
const RETRY_SECONDS = 5
/** Statements after which a connection is replaced by a new one. */
const MOST_STATEMENTS = 50

export interface EmbeddedReader {
  /**
   * Takes as long as it takes in another thread, up to the first row: the others are fetched from the event loop, so a
   * statement should be one that has all its rows by then, as a sorted one does. One that takes too long is refused [503].
   */
  execute(statement: InStatement): Promise<ResultSet>
  /** Ends what runs. */
  close(): void
}

export interface ReaderOptions {
  /** Milliseconds to wait for a lock. */
  timeout: number
  /** Milliseconds from the moment when a statement was asked for, so that nobody waits longer. */
  patience?: number
}

export function createReader(
  path: string,
  { timeout, patience = PATIENCE_MS }: ReaderOptions,
): EmbeddedReader {
  const inTurn = createTurns(AT_ONCE)
  const idle: Connection[] = []
  const ending = new Set<() => void>()
  let asked = 0
  let isClosed = false

  async function run(statement: InStatement, until: number): Promise<ResultSet> {
    if (isClosed) throw new Error('The database is closed')
    const connection = idle.pop() ?? (await open(path, timeout))
    const { database, statements } = connection
    const interruption = interruptAt(database, until)
    ending.add(interruption.now)
    try {
      return await readAll(connection, statement)
    } finally {
      interruption.cancel()
      ending.delete(interruption.now)
      if (isClosed || statements.size >= MOST_STATEMENTS) database.close()
      else idle.push(connection)
    }
  }

  return {
    async execute(statement) {
      if (asked >= AT_ONCE + MOST_WAITING) throw tooSlow('There are too many slow requests')
      const until = Date.now() + patience
      asked++
      try {
        return await inTurn(() => run(statement, until))
      } catch (error) {
        if (codeOf(error) !== 'SQLITE_INTERRUPT') throw error
        throw tooSlow('The request takes too long: ask for less, or in another order', error)
      } finally {
        asked--
      }
    },
    close() {
      isClosed = true
      for (const end of ending) end()
      for (const { database } of idle.splice(0)) database.close()
    },
  }
}

interface Connection {
  database: Database
  /**
   * All that it has ever prepared. One that is collected as garbage is taken out of the connection, for which the event
   * loop would wait until that has done what it is doing.
   */
  statements: Map<string, Statement>
}

type Statement = Awaited<ReturnType<Database['prepare']>>

async function open(path: string, timeout: number): Promise<Connection> {
  const database = new Database(path, { timeout })
  await database.exec('PRAGMA query_only = ON')
  return { database, statements: new Map() }
}

async function readAll(
  { database, statements }: Connection,
  statement: InStatement,
): Promise<ResultSet> {
  const { sql, args } = typeof statement === 'string' ? { sql: statement, args: [] } : statement
  const prepared = statements.get(sql) ?? (await database.prepare(sql))
  statements.set(sql, prepared)
  prepared.raw(true)
  const rows: unknown[] = await prepared.all(bindable(args))
  return resultSet(rows, 0)
}

/** Ends what a connection does then, or before. */
function interruptAt(database: Database, until: number) {
  let timer = setTimeout(now, Math.max(0, until - Date.now()))
  function now(): void {
    database.interrupt()
    clearTimeout(timer)
    timer = setTimeout(now, INTERRUPT_MS)
  }
  return { now, cancel: () => clearTimeout(timer) }
}

function tooSlow(message: string, cause?: unknown): HeliostatError {
  const headers = { 'Retry-After': String(RETRY_SECONDS) }
  return new HeliostatError('unavailable', message, { cause, headers })
}
