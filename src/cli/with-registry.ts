import type { Config } from '../config.ts'
import type { Registry } from '../registry/database.ts'
import { openLocalRegistry } from '../runtime/local.ts'
import { type ConfigOptions, readConfig } from './options.ts'

/** Does something with the registry that the configuration names, and closes it. */
export async function withRegistry(
  options: ConfigOptions,
  action: (registry: Registry, config: Config) => Promise<void>,
): Promise<void> {
  const { config } = await readConfig(options)
  const registry = await openLocalRegistry(config)
  try {
    await action(registry, config)
  } finally {
    registry.$client.close()
  }
}
