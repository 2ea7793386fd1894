import { MIGRATIONS } from '../../schema/migrations/embedded.ts'
import { ConfigError } from '../errors.ts'
import type { Registry } from './database.ts'

const TABLE_OF_REVISIONS = 'schema_migrations'

/** The revision that this build of Heliostat needs. */
export const CURRENT_REVISION: string = MIGRATIONS.at(-1)?.revision ?? ''

/** The revision that the database has, or null when it has no schema at all. */
export async function databaseRevision(registry: Registry): Promise<string | null> {
  const applied = await appliedRevisions(registry)
  return applied.at(-1) ?? null
}

/**
 * Brings the schema up to date and returns the revisions applied. Safe when several processes do so at once: the
 * insert of a revision fails for all but one, and with it their whole batch. Throws a ConfigError for the database of
 * another program.
 */
export async function migrate(registry: Registry): Promise<string[]> {
  const applied = await appliedRevisions(registry)
  if (applied.length === 0) await refuseForeign(registry)
  const done: string[] = []
  for (const { revision, statements } of MIGRATIONS) {
    if (applied.includes(revision)) continue
    if (await apply(registry, revision, statements)) done.push(revision)
  }
  return done
}

/** The configuration file of a Glance names Glance's own database, in which there is an `images` too. */
async function refuseForeign(registry: Registry): Promise<void> {
  const { rows } = await registry.$client.execute(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' LIMIT 1`,
  )
  const [table] = rows
  // Another process may have made them meanwhile.
  if (!table || (await appliedRevisions(registry)).length > 0) return
  throw new ConfigError(
    `[database] connection: this database has tables of another program, such as "${String(table[0])}", ` +
      'wanted one of Heliostat, or an empty one',
  )
}

async function apply(registry: Registry, revision: string, statements: string[]): Promise<boolean> {
  const record = {
    sql: `INSERT INTO ${TABLE_OF_REVISIONS} (revision) VALUES (?)`,
    args: [revision],
  }
  try {
    await registry.$client.batch([...statements, record], 'write')
    return true
  } catch (error) {
    if ((await appliedRevisions(registry)).includes(revision)) return false
    throw error
  }
}

async function appliedRevisions(registry: Registry): Promise<string[]> {
  const { rows: found } = await registry.$client.execute({
    sql: `SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?`,
    args: [TABLE_OF_REVISIONS],
  })
  if (found.length === 0) return []
  const { rows } = await registry.$client.execute(
    `SELECT revision FROM ${TABLE_OF_REVISIONS} ORDER BY revision`,
  )
  return rows.map((row) => String(row[0]))
}
