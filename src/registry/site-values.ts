/** What a site knows of itself and of the site that it follows, under a key each. */
import { eq, inArray, sql } from 'drizzle-orm'
import { site } from '../../schema/tables.ts'
import type { LoneStatement, Registry } from './database.ts'

/** The value of a key; null where it has none. */
export async function findValue(registry: Registry, key: string): Promise<string | null> {
  const found = await registry.select().from(site).where(eq(site.key, key)).get()
  return found?.value ?? null
}

/** The statement that sets values by their keys. */
export function setValues(registry: Registry, values: Record<string, string>): LoneStatement {
  return registry
    .insert(site)
    .values(Object.entries(values).map(([key, value]) => ({ key, value })))
    .onConflictDoUpdate({ target: site.key, set: { value: sql`excluded.value` } })
}

/** The statement that forgets the values of keys. */
export function forgetValues(registry: Registry, keys: readonly string[]): LoneStatement {
  return registry.delete(site).where(inArray(site.key, [...keys]))
}
