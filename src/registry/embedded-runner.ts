import type { InStatement, ResultSet } from '@libsql/client/web'
import type Database from 'libsql'
import { createLru } from '../lru.ts'
import type { Changes } from './database.ts'
import { bindable, resultSet } from './embedded-values.ts'

const MAX_CACHED_STATEMENTS = 256

/** Runs statements on the connection of an embedded file. */
export interface Runner {
  changes: Changes
  run(statement: InStatement): ResultSet
  /** Statements in one text. */
  runText(sql: string): void
  /** All of the statements or none. */
  batch(statements: InStatement[]): ResultSet[]
}

export function createRunner(database: Database.Database): Runner {
  const prepare = statementCache(database)
  const changes = countChanges(database)

  function run(statement: InStatement): ResultSet {
    const { sql, args } = typeof statement === 'string' ? { sql: statement, args: [] } : statement
    const { prepared, hasRows, reads } = prepare(sql)
    if (!reads) changes.ownCommit()
    const values = bindable(args)
    if (hasRows) return resultSet(prepared.all(values), 0)
    return resultSet([], prepared.run(values).changes)
  }

  function batch(statements: InStatement[]): ResultSet[] {
    // BEGIN and COMMIT go through exec: a prepared statement that failed with BUSY_SNAPSHOT poisons its connection.
    database.exec('BEGIN IMMEDIATE')
    try {
      const results = statements.map(run)
      database.exec('COMMIT')
      return results
    } catch (error) {
      if (database.inTransaction) database.exec('ROLLBACK')
      throw error
    }
  }

  function runText(sql: string): void {
    changes.ownCommit()
    database.exec(sql)
  }

  return { run, runText, batch, changes }
}

/** The engine tells of the commits of other connections; those of this one are counted when they begin. */
function countChanges(database: Database.Database): Changes & { ownCommit(): void } {
  const version = database.prepare('PRAGMA data_version').raw(true)
  let seen = 0
  let count = 0
  let isFrozen = false
  let hasLooked = false

  function look(): void {
    const [now] = version.get() as [number]
    if (now !== seen) count++
    seen = now
    hasLooked = true
  }

  return {
    /** Nobody else can look at the count between the beginning and the end of a statement, nor of a batch. */
    ownCommit(): void {
      count++
    },
    count() {
      if (!isFrozen || !hasLooked) look()
      return count
    },
    freeze() {
      isFrozen = true
      hasLooked = false
    },
    thaw() {
      isFrozen = false
    },
  }
}

interface Prepared {
  prepared: Database.Statement
  hasRows: boolean
  /** Whether it changes nothing. */
  reads: boolean
}

const READS = /^\s*(select|explain)\b/i

function statementCache(database: Database.Database): (sql: string) => Prepared {
  const cache = createLru<Prepared>(MAX_CACHED_STATEMENTS)
  return (sql) => {
    const known = cache.get(sql)
    if (known) return known
    const prepared = database.prepare(sql)
    const hasRows = prepared.reader
    // Rows as plain arrays. A statement without rows refuses the very question.
    if (hasRows) prepared.raw(true)
    const entry = { prepared, hasRows, reads: READS.test(sql) }
    cache.set(sql, entry)
    return entry
  }
}
