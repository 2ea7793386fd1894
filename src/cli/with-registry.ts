import { access } from 'node:fs/promises'
import type { Config } from '../config.ts'
import { ConfigError } from '../errors.ts'
import type { Registry } from '../registry/database.ts'
import type { EmbeddedOptions } from '../registry/embedded.ts'
import { connectionOf } from '../runtime/connection.ts'
import { openLocalRegistry } from '../runtime/local-registry.ts'
import { requireRevision } from '../runtime/local.ts'
import { type ConfigOptions, readConfig } from './options.ts'

type Action = (registry: Registry, config: Config) => Promise<void>

/** Does something with the registry that the configuration names, which has to be there and up to date. */
export function withRegistry(
  options: ConfigOptions,
  action: Action,
  how?: EmbeddedOptions,
): Promise<void> {
  const upToDate: Action = async (registry, config) => {
    await requireRevision(registry)
    await action(registry, config)
  }
  return withDatabase(options, upToDate, how)
}

/** The same whatever its schema is, if any. */
export async function withDatabase(
  options: ConfigOptions,
  action: Action,
  how?: EmbeddedOptions,
): Promise<void> {
  const { config } = await readConfig(options)
  await requireDatabase(config)
  await useDatabase(config, action, how)
}

/** The same, and makes the database where there is none. */
export async function withNewDatabase(options: ConfigOptions, action: Action): Promise<void> {
  const { config } = await readConfig(options)
  await useDatabase(config, action)
}

/** A mistyped folder must not become an empty site in which all is well. */
async function requireDatabase(config: Config): Promise<void> {
  const connection = connectionOf(config)
  if (connection.kind === 'remote') return
  await access(connection.path).catch(() => {
    throw new ConfigError(
      `There is no registry at "${connection.path}": give --data-dir or [database] connection`,
    )
  })
}

async function useDatabase(config: Config, action: Action, how?: EmbeddedOptions): Promise<void> {
  const registry = await openLocalRegistry(config, how)
  try {
    await action(registry, config)
  } finally {
    registry.$client.close()
  }
}
