/** Hrana streams: each a connection with its stored SQL texts, all behind one write lock. */
import Database from 'libsql'
import { z } from 'zod'
import {
  describeStatement,
  errorBody,
  HranaError,
  runStatement,
  statementSchema,
  takesWriteLock,
} from './statement.ts'
import type { Statement, StatementResult } from './statement.ts'

type Condition =
  | { type: 'ok' | 'error'; step: number }
  | { type: 'not'; cond: Condition }
  | { type: 'and' | 'or'; conds: Condition[] }
  | { type: 'is_autocommit' }

const conditionSchema: z.ZodType<Condition> = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.object({ type: z.enum(['ok', 'error']), step: z.int() }),
    z.object({ type: z.literal('not'), cond: conditionSchema }),
    z.object({ type: z.enum(['and', 'or']), conds: z.array(conditionSchema) }),
    z.object({ type: z.literal('is_autocommit') }),
  ]),
)

const stepSchema = z.object({ stmt: statementSchema, condition: conditionSchema.nullish() })
const textSchema = z.object({ sql: z.string().nullish(), sql_id: z.int().nullish() })

export const requestSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('execute'), stmt: statementSchema }),
  z.object({ type: z.literal('batch'), batch: z.object({ steps: z.array(stepSchema) }) }),
  textSchema.extend({ type: z.literal('sequence') }),
  textSchema.extend({ type: z.literal('describe') }),
  z.object({ type: z.literal('store_sql'), sql_id: z.int(), sql: z.string() }),
  z.object({ type: z.literal('close_sql'), sql_id: z.int() }),
  z.object({ type: z.literal('get_autocommit') }),
  z.object({ type: z.literal('close') }),
])

type Request = z.infer<typeof requestSchema>
type Step = z.infer<typeof stepSchema>

export interface Stream {
  /** Answers one request of a pipeline. Never throws: an error is an answer too. */
  answer(request: Request): Promise<object>
  /** Rolls back what is open, and gives the lock and the connection back. */
  end(): void
  readonly ended: boolean
}

/** Opens the streams of one database file. */
export function createStreams(path: string) {
  const connections = createConnections(path)
  // A path that cannot be opened is told at the start, not at the first request.
  connections.give(connections.take(), true)
  const acquireWrite = createLock()
  return { open: () => openStream(connections, acquireWrite), close: connections.close }
}

type Acquire = () => Promise<() => void>

/** Who comes first writes first: SQLite's busy wait is unfair and would block the event loop. */
function createLock(): Acquire {
  let last: Promise<void> = Promise.resolve()
  return async () => {
    const before = last
    let release: () => void = () => {}
    last = new Promise((resolve) => {
      release = resolve
    })
    await before
    return release
  }
}

function createConnections(path: string) {
  const idle: Database.Database[] = []
  let closed = false

  function connect(): Database.Database {
    // The timeout is for other processes with the same file: streams wait for the lock instead.
    const db = new Database(path, { timeout: 5000 })
    db.defaultSafeIntegers(true)
    for (const pragma of ['journal_mode=WAL', 'synchronous=NORMAL', 'foreign_keys=ON']) {
      db.exec(`PRAGMA ${pragma}`)
    }
    return db
  }

  return {
    take: () => idle.pop() ?? connect(),
    give(db: Database.Database, reusable: boolean) {
      if (reusable && !closed) idle.push(db)
      else db.close()
    },
    close() {
      closed = true
      for (const db of idle.splice(0)) db.close()
    },
  }
}

function openStream(
  connections: ReturnType<typeof createConnections>,
  acquireWrite: Acquire,
): Stream {
  const db = connections.take()
  const turn = createTurn(db, acquireWrite)
  const session: Session = { db, texts: new Map(), inTurn: turn.run }
  let ended = false

  function end() {
    if (ended) return
    ended = true
    try {
      if (db.inTransaction) db.exec('ROLLBACK')
    } finally {
      turn.release()
      connections.give(db, turn.clean && !db.inTransaction)
    }
  }

  return {
    async answer(request) {
      try {
        // A closed native connection aborts the process when it is asked anything.
        if (ended) throw new HranaError('STREAM_CLOSED', 'The stream is closed')
        if (request.type === 'close') end()
        const response = ended ? {} : await respond(session, request)
        return { type: 'ok', response: { type: request.type, ...response } }
      } catch (error) {
        return { type: 'error', error: errorBody(error) }
      }
    },
    end,
    get ended() {
      return ended
    },
  }
}

interface Session {
  db: Database.Database
  texts: Map<number, string>
  /** Runs `work`, with the write lock if `sql` needs it. */
  inTurn<T>(sql: string, work: () => T): Promise<T>
}

/** One stream's hold on the write lock, kept from its first write until its transaction is over. */
function createTurn(db: Database.Database, acquireWrite: Acquire) {
  let unlock: (() => void) | null = null
  let clean = true

  function release() {
    unlock?.()
    unlock = null
  }

  return {
    async run<T>(sql: string, work: () => T): Promise<T> {
      if (unlock === null && takesWriteLock(sql)) unlock = await acquireWrite()
      if (LEAVES_TRACES.test(sql)) clean = false
      try {
        return work()
      } catch (error) {
        // After SQLITE_BUSY_SNAPSHOT the native package never lets the old snapshot go.
        if (errorBody(error).code.startsWith('SQLITE_BUSY')) clean = false
        throw error
      } finally {
        if (!db.inTransaction) release()
      }
    },
    release,
    /** Whether the connection may serve another stream. */
    get clean() {
      return clean
    },
  }
}

async function respond(session: Session, request: Request): Promise<object> {
  const { db, texts } = session
  switch (request.type) {
    case 'execute':
      return { result: await execute(session, request.stmt) }
    case 'batch':
      return { result: await batch(session, request.batch.steps) }
    case 'sequence': {
      const sql = textOf(session, request)
      // A write may follow a first statement that only reads, so the text is not judged by that.
      await session.inTurn(`sequence ${sql}`, () => db.exec(sql))
      return {}
    }
    case 'describe':
      return { result: describeStatement(db, textOf(session, request)) }
    case 'store_sql':
      texts.set(request.sql_id, request.sql)
      return {}
    case 'close_sql':
      texts.delete(request.sql_id)
      return {}
    case 'get_autocommit':
      return { is_autocommit: !db.inTransaction }
    case 'close':
      return {}
  }
}

function textOf({ texts }: Session, { sql, sql_id: id }: z.infer<typeof textSchema>): string {
  const text = sql ?? texts.get(id ?? NaN)
  if (text === undefined) throw new HranaError('SQL_NOT_FOUND', `SQL text ${id} is not stored`)
  return text
}

function execute(session: Session, statement: Statement): Promise<StatementResult> {
  const sql = textOf(session, statement)
  return session.inTurn(sql, () => runStatement(session.db, sql, statement))
}

async function batch(session: Session, steps: Step[]) {
  const results: (StatementResult | null)[] = []
  const errors: (object | null)[] = []
  for (const [index, { stmt, condition }] of steps.entries()) {
    const runs = !condition || holds(condition, { results, errors, db: session.db })
    results[index] = null
    errors[index] = null
    if (!runs) continue
    try {
      results[index] = await execute(session, stmt)
    } catch (error) {
      errors[index] = errorBody(error)
    }
  }
  return { step_results: results, step_errors: errors }
}

// Settings and names that outlive the stream on its connection, which is then not used again.
const LEAVES_TRACES = /\b(pragma|attach|temp|temporary)\b/i

interface BatchState {
  results: unknown[]
  errors: unknown[]
  db: { inTransaction: boolean }
}

function holds(condition: Condition, state: BatchState): boolean {
  switch (condition.type) {
    case 'ok':
      return (state.results[condition.step] ?? null) !== null
    case 'error':
      return (state.errors[condition.step] ?? null) !== null
    case 'not':
      return !holds(condition.cond, state)
    case 'and':
      return condition.conds.every((inner) => holds(inner, state))
    case 'or':
      return condition.conds.some((inner) => holds(inner, state))
    case 'is_autocommit':
      return !state.db.inTransaction
  }
}
