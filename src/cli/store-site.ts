import { ConfigError, HeliostatError } from '../errors.ts'
import { type CommandStores, openCommandStores } from '../runtime/command-stores.ts'
import { isReadOnly, type Store, type Stores } from '../stores/store.ts'
import { refuseAtEdge } from './db-pending.ts'
import type { ConfigOptions } from './options.ts'
import { withRegistry } from './with-registry.ts'

export interface StoreSite extends CommandStores {
  /** Given at the first Ctrl-C: what is under way is cleared away. The second one ends the process. */
  signal: AbortSignal
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Does something with the stores that the configuration names. */
export function withStores(
  options: ConfigOptions,
  action: (site: StoreSite) => Promise<void>,
): Promise<void> {
  return withRegistry(options, async (registry, config) => {
    await refuseAtEdge(registry, config)
    const site = await openCommandStores(registry, config)
    const stop = new AbortController()
    const interrupt = () => stop.abort(new HeliostatError('unavailable', 'Interrupted'))
    for (const signal of SIGNALS) process.once(signal, interrupt)
    try {
      await action({ ...site, signal: stop.signal })
    } finally {
      for (const signal of SIGNALS) process.off(signal, interrupt)
      await site.close()
    }
  })
}

export function requireStore({ all, find }: Stores, id: string): Store {
  const store = find(id)
  if (store) return store
  throw new ConfigError(`Store "${id}" is not configured, wanted ${namesOf(all)}`)
}

export function requireWritable(stores: Stores, id: string): Store {
  const store = requireStore(stores, id)
  if (!isReadOnly(store)) return store
  const others = stores.all.filter((other) => !isReadOnly(other))
  throw new ConfigError(`Store "${id}" is only read from, wanted ${namesOf(others)}`)
}

function namesOf(stores: readonly Store[]): string {
  return stores.map(({ id }) => `"${id}"`).join(' or ')
}
