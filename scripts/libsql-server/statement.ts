/** One SQL statement of the Hrana protocol, run on one native connection. */
import Database from 'libsql'
import { z } from 'zod'

/** A refusal with a code of libSQL's server (sqld), sent in place of a result. */
export class HranaError extends Error {
  override readonly name = 'HranaError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

const valueSchema = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('null') }),
    // 64 bits do not fit a JSON number, so integers travel as text.
    z.object({ type: z.literal('integer'), value: z.string().regex(/^-?\d+$/) }),
    z.object({ type: z.literal('float'), value: z.number() }),
    z.object({ type: z.literal('text'), value: z.string() }),
    z.object({ type: z.literal('blob'), base64: z.string() }),
  ])
  .transform((value) => {
    if (value.type === 'null') return null
    if (value.type === 'blob') return Buffer.from(value.base64, 'base64')
    return value.type === 'integer' ? BigInt(value.value) : value.value
  })

export const statementSchema = z.object({
  sql: z.string().nullish(),
  sql_id: z.int().nullish(),
  args: z.array(valueSchema).default([]),
  named_args: z.array(z.object({ name: z.string(), value: valueSchema })).default([]),
  want_rows: z.boolean().nullish(),
})

export type Statement = z.infer<typeof statementSchema>

export interface StatementResult {
  cols: { name: string; decltype: string | null }[]
  rows: HranaValue[][]
  affected_row_count: number
  last_insert_rowid: string | null
}

type HranaValue =
  | { type: 'null' }
  | { type: 'integer'; value: string }
  | { type: 'float'; value: number }
  | { type: 'text'; value: string }
  | { type: 'blob'; base64: string }

// The native package cannot say whether a statement only reads. What is not listed is taken for a
// write, so a comment in front costs a queue place and nothing else.
const READS = /^\s*(select|values|explain|with(?!.*\b(insert|update|delete|replace)\b))\b/is
const ENDS_OR_NEVER_WRITES = /^\s*(commit|end|rollback|release|begin\s+transaction\s+readonly)\b/i
const CONTROLS_TRANSACTION = /^\s*(begin|commit|end|rollback|savepoint|release)\b/i
const INSERTS = /^\s*(insert|replace|with)\b/i

/** Whether the statement must hold the write lock. A deferred transaction takes it at its start. */
export function takesWriteLock(sql: string): boolean {
  return !READS.test(sql) && !ENDS_OR_NEVER_WRITES.test(sql)
}

/** Runs one statement and answers its rows and counts. */
export function runStatement(
  db: Database.Database,
  sql: string,
  { args, named_args: named, want_rows: wantRows }: Omit<Statement, 'sql' | 'sql_id'>,
): StatementResult {
  const { parameters } = scanSingle(sql)
  // A prepared BEGIN or COMMIT that fails as busy is never reset and keeps its snapshot for good.
  if (CONTROLS_TRANSACTION.test(sql)) {
    db.exec(sql)
    return { cols: [], rows: [], affected_row_count: 0, last_insert_rowid: null }
  }
  const statement = db.prepare(sql)
  const values = bindings(parameters, args, named)
  const before = READS.test(sql) ? null : counters(db)
  const rows = statement.reader ? statement.raw(true).all(values) : []
  if (!statement.reader) statement.run(values)
  return {
    cols: columns(statement),
    rows: wantRows === false ? [] : rows.map((row) => cells(row).map(encode)),
    ...(before === null ? NOTHING_CHANGED : changesSince(before, db, sql)),
  }
}

/** What the statement takes and gives, without running it. */
export function describeStatement(db: Database.Database, sql: string) {
  const { parameters } = scanSingle(sql)
  const cols = columns(db.prepare(sql))
  return {
    params: parameters.map((name) => ({ name })),
    cols,
    is_explain: /^\s*explain\b/i.test(sql),
    is_readonly: READS.test(sql),
  }
}

/** The error as the protocol sends it, with SQLite's extended code where SQLite refused. */
export function errorBody(error: unknown): { message: string; code: string } {
  const message = error instanceof Error ? error.message : String(error)
  const known = error instanceof Database.SqliteError || error instanceof HranaError
  return { message, code: known ? error.code : 'UNKNOWN' }
}

// Quoted text and comments are matched first, so that nothing inside them is taken for a parameter.
const TOKEN =
  /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--.*|\/\*[^]*?(?:\*\/|$)|;|\?\d*|[:@$][\w$]+|[\w$]+/g

function scanSingle(sql: string): { parameters: (string | null)[] } {
  const tokens = (sql.match(TOKEN) ?? []).filter((token) => !/^(--|\/\*)/.test(token))
  const end = tokens.indexOf(';')
  const words = tokens.filter((token) => token !== ';')
  if (words.length === 0) {
    throw new HranaError('SQL_NO_STATEMENT', 'SQL string does not contain any statement')
  }
  // The native package would silently run the first alone. A trigger's body has its own semicolons.
  const isTrigger = /^create\s[^(]*\btrigger\b/i.test(words.slice(0, 4).join(' '))
  if (end !== -1 && end < words.length && !isTrigger) {
    throw new HranaError('SQL_MANY_STATEMENTS', 'SQL string contains more than one statement')
  }
  return { parameters: parameterNames(words.filter((word) => /^[?:@$]/.test(word))) }
}

/** Names by position, null for `?`, as SQLite counts: https://sqlite.org/c3ref/bind_blob.html */
function parameterNames(tokens: string[]): (string | null)[] {
  const names: (string | null)[] = []
  for (const token of tokens) {
    const position = /^\?\d/.test(token) ? Number(token.slice(1)) : names.length + 1
    // The gaps before `?9` are parameters too; an absurd number is left for SQLite to refuse.
    while (names.length < position - 1 && position <= 32_766) names.push(null)
    if (token === '?') names.push(null)
    else if (!names.includes(token)) names[position - 1] = token
  }
  return names
}

/** Values by position: the native package aborts the process on a `?` with named values. */
function bindings(
  parameters: (string | null)[],
  args: Statement['args'],
  named: Statement['named_args'],
) {
  if (args.length > 0 && named.length > 0) {
    const message = 'Specifying both positional and named arguments is not supported'
    throw new HranaError('ARGS_BOTH_POSITIONAL_AND_NAMED', message)
  }
  if (args.length + named.length > parameters.length) {
    throw new HranaError('ARGS_INVALID', `Too many arguments, expected ${parameters.length}`)
  }
  const byName = new Map(named.map(({ name, value }) => [name, value]))
  return parameters.map((name, index) => {
    const value =
      name === null || name.startsWith('?')
        ? args[index]
        : (byName.get(name) ?? byName.get(name.slice(1)))
    // SQLite itself would bind NULL, which hides a mistyped name.
    if (value === undefined) {
      throw new HranaError('ARGS_INVALID', `Value for parameter "${name ?? index + 1}" not found`)
    }
    return value
  })
}

const NOTHING_CHANGED = { affected_row_count: 0, last_insert_rowid: null }

/** Asked of SQLite because `run()` says nothing for a statement with RETURNING. */
function counters(db: Database.Database) {
  const query = db.prepare('SELECT total_changes(), changes(), last_insert_rowid()')
  const [total, changed, rowid] = cells(query.raw(true).all()[0])
  return { total, changed: Number(changed), rowid: String(rowid) }
}

function changesSince(before: { total: unknown }, db: Database.Database, sql: string) {
  const after = counters(db)
  // changes() still tells of the statement before, when this one changed nothing.
  if (after.total === before.total) return NOTHING_CHANGED
  return {
    affected_row_count: after.changed,
    last_insert_rowid: INSERTS.test(sql) ? after.rowid : null,
  }
}

function columns(statement: Database.Statement) {
  return statement.columns().map(({ name, type }) => ({ name, decltype: type }))
}

function cells(row: unknown): unknown[] {
  return Array.isArray(row) ? row : []
}

function encode(value: unknown): HranaValue {
  if (typeof value === 'bigint') return { type: 'integer', value: String(value) }
  if (typeof value === 'number') return { type: 'float', value }
  if (typeof value === 'string') return { type: 'text', value }
  if (value instanceof Uint8Array) {
    return { type: 'blob', base64: Buffer.from(value).toString('base64') }
  }
  return { type: 'null' }
}
