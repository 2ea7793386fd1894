import { MIGRATIONS } from '../../schema/migrations/embedded.ts'
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
 * insert of a revision fails for all but one, and with it their whole batch.
 */
export async function migrate(registry: Registry): Promise<string[]> {
  const applied = await appliedRevisions(registry)
  const done: string[] = []
  for (const { revision, statements } of MIGRATIONS) {
    if (applied.includes(revision)) continue
    if (await apply(registry, revision, statements)) done.push(revision)
  }
  return done
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
