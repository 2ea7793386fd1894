/** The stores that locations name, and those that are configured. */
import { getLogger } from '@logtape/logtape'
import { eq, notInArray, sql } from 'drizzle-orm'
import { z } from 'zod'
import { imageLocations, looseObjects, NO_STORE } from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'
import { findValue, setValues } from '../registry/site-values.ts'
import type { Store, Stores } from './store.ts'

const KEY = 'stores'

/** Where the store of each name was. */
const places = z.record(z.string(), z.string())

const log = getLogger(['heliostat', 'stores'])

/**
 * Gives the locations of a store that was renamed in the configuration to its new name, and those that are from before
 * stores had names to the store of that time. Tells of stores that images lie in and that are not configured.
 */
export async function renameStores(registry: Registry, stores: Stores): Promise<void> {
  const found = await findValue(registry, KEY)
  const known = found === null ? {} : places.parse(JSON.parse(found))
  const unnamed = unnamedStore(stores)
  if (unnamed) await rename(registry, NO_STORE, unnamed.id)
  for (const [id, place] of Object.entries(known)) {
    if (stores.find(id)) continue
    const renamed = stores.all.find((store) => store.place === place)
    if (!renamed) continue
    await rename(registry, id, renamed.id)
    delete known[id]
  }
  const current = Object.fromEntries(stores.all.map(({ id, place }) => [id, place]))
  const value = JSON.stringify({ ...known, ...current })
  if (value !== found) await setValues(registry, { [KEY]: value })
  await tellUnknown(registry, stores)
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

async function tellUnknown(registry: Registry, { all }: Stores): Promise<void> {
  const known = all.map(({ id }) => id)
  const unknown = await registry
    .select({ store: imageLocations.store, count: sql<number>`count(*)` })
    .from(imageLocations)
    .where(notInArray(imageLocations.store, known))
    .groupBy(imageLocations.store)
  for (const { store, count } of unknown) {
    log.error('{count} images have a copy in store "{store}", which is not configured', {
      count,
      store,
    })
  }
}
