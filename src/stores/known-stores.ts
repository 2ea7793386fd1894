/** The stores that the registry names, and those that are configured. */
import { getLogger } from '@logtape/logtape'
import { eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { imageLocations, looseObjects, NO_STORE } from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'
import { findValue, setValues } from '../registry/site-values.ts'
import type { Store, Stores } from './store.ts'

const KEY = 'stores'

/** Where the store of each name was. */
const places = z.record(z.string(), z.string())
type Places = z.output<typeof places>

const log = getLogger(['heliostat', 'stores'])

/**
 * Gives the locations of a store that was renamed in the configuration to its new name, and those that are from before
 * stores had names to the store of that time. Tells of stores that images lie in and that are not configured.
 */
export async function renameStores(registry: Registry, stores: Stores): Promise<void> {
  const found = await findValue(registry, KEY)
  const known = found === null ? {} : places.parse(JSON.parse(found))
  for (const { store, images } of await namedStores(registry)) {
    if (stores.find(store)) continue
    const renamed = newNameOf(stores, store, known)
    if (renamed) await rename(registry, store, renamed.id)
    else if (images > 0) tellUnknown(store, images)
  }
  const value = JSON.stringify(placesNow(stores, known))
  if (value !== found) await setValues(registry, { [KEY]: value })
}

/** With the number of their locations; none where there are loose objects only. */
function namedStores(registry: Registry): Promise<{ store: string; images: number }[]> {
  const named = sql`(SELECT ${imageLocations.store} AS store, 1 AS images FROM ${imageLocations}
    UNION ALL SELECT ${looseObjects.store}, 0 FROM ${looseObjects})`
  return registry
    .select({ store: sql<string>`store`, images: sql<number>`sum(images)`.mapWith(Number) })
    .from(named)
    .groupBy(sql`store`)
    .all()
}

function newNameOf(stores: Stores, store: string, known: Places): Store | null {
  if (store === NO_STORE) return unnamedStore(stores)
  const place = known[store]
  return stores.all.find((other) => other.place === place) ?? null
}

/** What an earlier release wrote, or an edge before it became an origin. */
function unnamedStore({ all, byDefault }: Stores): Store | null {
  const isHome = ({ kind }: Store) => kind === 'file' || kind === 'r2'
  return isHome(byDefault) ? byDefault : (all.find(isHome) ?? null)
}

async function rename(registry: Registry, from: string, to: string): Promise<void> {
  const moved = await registry
    .update(imageLocations)
    .set({ store: to })
    .where(eq(imageLocations.store, from))
    .returning({ id: imageLocations.id })
  await registry.update(looseObjects).set({ store: to }).where(eq(looseObjects.store, from))
  if (moved.length === 0) return
  log.info('{count} locations now name store {to}', { count: moved.length, from, to })
}

/** Those that are configured, and those that may come back. */
function placesNow({ all }: Stores, known: Places): Places {
  const current = Object.fromEntries(all.map(({ id, place }) => [id, place]))
  const isRenamed = ([id, place]: [string, string]) =>
    !Object.hasOwn(current, id) && Object.values(current).includes(place)
  const others = Object.entries(known).filter((entry) => !isRenamed(entry))
  return { ...Object.fromEntries(others), ...current }
}

function tellUnknown(store: string, count: number): void {
  log.error('{count} images have a copy in store "{store}", which is not configured', {
    count,
    store,
  })
}
