/** What an image has in tables of its own, a row each: tags and custom properties. */
import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core'
import { imageProperties, images, imageTags } from '../../schema/tables.ts'
import type { Registry, Statement } from '../registry/database.ts'
import { insertSelected } from '../registry/insert-selected.ts'
import type { Image, Properties } from './image.ts'
import { bytesOf, type Most } from './quota.ts'

export interface TagChange {
  removed: string[]
  written: string[]
}

export interface PropertyChange {
  removed: string[]
  written: [name: string, value: string | null][]
}

/** The image whose rows are written, as long as it fulfils the condition on `images`. */
interface Target {
  id: string
  where: SQL | undefined
}

/** From the first that differs on all are written anew, since their order is that of their rows. */
export function tagChange(before: string[], after: string[]): TagChange {
  const differing = before.findIndex((tag, index) => tag !== after[index])
  const kept = differing < 0 ? before.length : differing
  return { removed: before.slice(kept), written: after.slice(kept) }
}

export function propertyChange(before: Properties, after: Properties): PropertyChange {
  return {
    removed: Object.keys(before).filter((name) => !Object.hasOwn(after, name)),
    written: Object.entries(after).filter(
      ([name, value]) => !Object.hasOwn(before, name) || before[name] !== value,
    ),
  }
}

/** The tags and properties that a change, made of an image as it was before, would leave it with as it is now. */
export function rebased(now: Image, { before, after }: { before: Image; after: Image }): Image {
  const tags = tagChange(before.tags, after.tags)
  const properties = propertyChange(before.properties, after.properties)
  const keptTags = now.tags.filter((tag) => !tags.removed.includes(tag))
  const kept = Object.entries(now.properties).filter(([name]) => !properties.removed.includes(name))
  return {
    ...now,
    tags: [...new Set([...keptTags, ...tags.written])],
    properties: Object.fromEntries([...kept, ...properties.written]),
  }
}

/**
 * Holds while the image has at most so many tags after the change, also with those that others have added meanwhile.
 * It holds all through the batch of the change, since what that writes is not among the rows that are counted.
 */
export function tagsFit(
  id: string,
  { removed, written }: TagChange,
  most: number,
): SQL | undefined {
  if (written.length === 0 || most === Infinity) return undefined
  const others = sql`SELECT count(*) FROM image_tags t
    WHERE t.image_id = ${id} AND t.value NOT IN (${listed([...removed, ...written])})`
  return sql`(${others}) + ${written.length} <= ${most}`
}

/** As `tagsFit`, for the number and the bytes of custom properties; those of the service itself do not count. */
export function propertiesFit(
  id: string,
  { removed, written }: PropertyChange,
  most: Most,
): SQL | undefined {
  if (written.length === 0) return undefined
  const names = [...removed, ...written.map(([name]) => name)]
  const others = sql`FROM image_properties p
    WHERE p.image_id = ${id} AND p.name NOT GLOB 'os_glance*' AND p.name NOT IN (${listed(names)})`
  const bytes = sql`SELECT coalesce(sum(octet_length(p.name) + coalesce(octet_length(p.value), 0)), 0)`
  return and(
    sql`(${bytes} ${others}) + ${bytesOf(written.flat())} <= ${most.propertyBytes}`,
    most.properties === Infinity
      ? undefined
      : sql`(SELECT count(*) ${others}) + ${written.length} <= ${most.properties}`,
  )
}

export function writeTags(
  registry: Registry,
  target: Target,
  { removed, written }: TagChange,
): Statement[] {
  const among = and(eq(imageTags.image_id, target.id), isAmong(imageTags.value, removed))
  const deletion = registry.delete(imageTags).where(and(among, isMet(target)))
  const insertion = insertSelected(
    registry,
    imageTags,
    { image_id: sql`${images.id}`, value: sql`r.value` },
    sql`FROM ${images}, json_each(${JSON.stringify(written)}) r
      WHERE ${target.where} ORDER BY r.key ON CONFLICT DO NOTHING`,
  )
  return [...(removed.length > 0 ? [deletion] : []), ...(written.length > 0 ? [insertion] : [])]
}

export function writeProperties(
  registry: Registry,
  target: Target,
  { removed, written }: PropertyChange,
): Statement[] {
  const among = and(eq(imageProperties.image_id, target.id), isAmong(imageProperties.name, removed))
  const deletion = registry.delete(imageProperties).where(and(among, isMet(target)))
  const insertion = insertSelected(
    registry,
    imageProperties,
    { image_id: sql`${images.id}`, name: sql`r.value->>0`, value: sql`r.value->>1` },
    sql`FROM ${images}, json_each(${JSON.stringify(written)}) r WHERE ${target.where}
      ON CONFLICT (image_id, name) DO UPDATE SET value = excluded.value`,
  )
  return [...(removed.length > 0 ? [deletion] : []), ...(written.length > 0 ? [insertion] : [])]
}

function isMet({ where }: Target): SQL {
  return sql`EXISTS (SELECT 1 FROM ${images} WHERE ${where})`
}

function isAmong(column: SQLiteColumn, texts: string[]): SQL {
  return sql`${column} IN (${listed(texts)})`
}

/** Texts as a subselect, of which there may be more than a statement has parameters. */
function listed(texts: string[]): SQL {
  return sql`SELECT value FROM json_each(${JSON.stringify(texts)})`
}
