import type { Client } from '@libsql/client/web'
import type { BatchItem } from 'drizzle-orm/batch'
import type { LibSQLDatabase } from 'drizzle-orm/libsql/driver-core'
import { drizzle } from 'drizzle-orm/libsql/web'
import * as tables from '../../schema/tables.ts'

export interface RegistryClient extends Client {
  /** One for statements that make room, which works on a full disk too. */
  freeing?: Client
  /** One for reading, which works beside the event loop, and not for long. */
  aside?: Client
  /** Absent where asking takes as long as reading, such as at a server. */
  changes?: Changes
}

/** Tells whether anything has changed. */
export interface Changes {
  /** A number that is another one after each commit, also that of another process. */
  count(): number
  /**
   * From here to `thaw` other processes are looked at no more than once: for a stretch in which nothing comes in, so
   * that nobody can have heard of what they commit meanwhile.
   */
  freeze(): void
  thaw(): void
}

/** The registry's handle. Atomic writes are single `batch()` calls, since an interactive transaction is not to be had everywhere. */
export type Registry = LibSQLDatabase<typeof tables> & { $client: RegistryClient }

/** A statement of a batch. */
export type Statement = BatchItem<'sqlite'>

/** A statement that may also be awaited by itself. */
export type LoneStatement = Statement & Promise<unknown>

/** Wraps a client, embedded or remote, for the tables of the registry. */
export function openRegistry(client: RegistryClient): Registry {
  return drizzle({ client, schema: tables })
}

const known = new WeakMap<Client, Registry>()

/**
 * The same registry for writes that make room, or that must not fail because others have left none: on a full disk
 * these may use what is kept in reserve.
 */
export function freeing(registry: Registry): Registry {
  return registryOf(registry.$client.freeing) ?? registry
}

/** The same registry for statements that may take long: others are served meanwhile, and one that takes too long is ended [503]. */
export function aside(registry: Registry): Registry {
  return registryOf(registry.$client.aside) ?? registry
}

function registryOf(client: Client | undefined): Registry | null {
  if (!client) return null
  const registry = known.get(client) ?? openRegistry(client)
  known.set(client, registry)
  return registry
}

/** Runs a batch and tells whether its first statement, which carries the condition, changed a row. */
export async function changesOne(
  registry: Registry,
  first: Statement,
  ...rest: Statement[]
): Promise<boolean> {
  const [result] = await registry.batch([first, ...rest])
  return affectedRows(result) === 1
}

/** How many rows a statement of a batch has changed. */
export function affectedRows(result: unknown): number {
  if (typeof result !== 'object' || result === null || !('rowsAffected' in result)) return 0
  return Number(result.rowsAffected)
}
