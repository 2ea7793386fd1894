/** Objects that no image counts on any more, until they are deleted from their stores. */
import { and, eq, lt, type SQL, sql } from 'drizzle-orm'
import { imageLocations, looseObjects } from '../../schema/tables.ts'
import { freeing, type Registry, type Statement } from '../registry/database.ts'
import { databaseTime } from '../registry/database-time.ts'
import { insertSelected } from '../registry/insert-selected.ts'

/** For so long whoever has claimed an object may delete it, and nobody begins one in its place. */
const CLAIM_MS = 60_000

export interface LooseObject {
  store: string
  url: string
}

/** Makes the objects of the locations that meet the condition loose. */
export function loosen(registry: Registry, leaving: SQL): Statement {
  const { store, url } = imageLocations
  return insertSelected(
    registry,
    looseObjects,
    { store: sql`${store}`, url: sql`${url}` },
    sql`FROM ${imageLocations} WHERE ${leaving} AND ${url} IS NOT NULL ON CONFLICT DO NOTHING`,
  )
}

/** Whether somebody is deleting an object at this moment. */
export function isBeingDeleted({ store, url }: LooseObject): SQL {
  return sql`EXISTS (SELECT 1 FROM ${looseObjects} WHERE ${looseObjects.store} = ${store}
    AND ${looseObjects.url} = ${url} AND ${looseObjects.claimed_at} > ${databaseTime} - ${CLAIM_MS})`
}

export function looseObjectsIn(registry: Registry, store: string): Promise<LooseObject[]> {
  return registry
    .select({ store: looseObjects.store, url: looseObjects.url })
    .from(looseObjects)
    .where(eq(looseObjects.store, store))
    .all()
}

/** The right to delete a loose object; false where an image has it again, or somebody else is deleting it. */
export async function claimLoose(registry: Registry, object: LooseObject): Promise<boolean> {
  const hasIt = sql`EXISTS (SELECT 1 FROM ${imageLocations}
    WHERE ${imageLocations.store} = ${object.store} AND ${imageLocations.url} = ${object.url})`
  const [, claimed] = await freeing(registry).batch([
    registry.delete(looseObjects).where(and(isObject(object), hasIt)),
    registry
      .update(looseObjects)
      .set({ claimed_at: databaseTime })
      .where(and(isObject(object), lt(looseObjects.claimed_at, sql`${databaseTime} - ${CLAIM_MS}`)))
      .returning({ url: looseObjects.url }),
  ])
  return claimed.length === 1
}

/** Forgets an object that is gone; one that stays may be claimed again later. */
export async function endClaim(
  registry: Registry,
  object: LooseObject,
  isGone: boolean,
): Promise<void> {
  const rows = freeing(registry)
  if (isGone) await rows.delete(looseObjects).where(isObject(object))
  else await rows.update(looseObjects).set({ claimed_at: 0 }).where(isObject(object))
}

function isObject({ store, url }: LooseObject): SQL | undefined {
  return and(eq(looseObjects.store, store), eq(looseObjects.url, url))
}
