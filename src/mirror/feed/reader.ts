import { and, asc, getTableColumns, gt, inArray, lte, max, sql } from 'drizzle-orm'
import { feed, images, site } from '../../../schema/tables.ts'
import { HeliostatError } from '../../errors.ts'
import { freeing, type Registry } from '../../registry/database.ts'
import { blobOf, membersOf, propertiesOf, tagsOf } from '../../registry/image-columns.ts'
import { rememberReads } from '../../registry/remembered.ts'
import { findValue, forgetValues } from '../../registry/site-values.ts'
import { allMetadefs, changedMetadefs } from './metadefs.ts'
import { firstPage, lastOfPage, PAGE_ROWS } from './page-size.ts'
import type { Changes, ImageRecord, MetadefChanges } from './records.ts'
import { tombstone } from './tombstone.ts'
import { createWaits } from './waits.ts'

/** Reading the feed, for those who follow it. Its rows are written by `registry/announcements.ts`. */
export interface Feed {
  /** The number of the latest change; 0 before the first. It survives compaction. */
  seq(): Promise<number>
  /** Resolves once the latest change is another one than `since`, at the latest after `milliseconds`. */
  untilMoved(since: number, milliseconds: number, signal: AbortSignal): Promise<void>
  /** Lets go of all who wait for a change, so that a server can stop. */
  endWaits(): void
  /** Names this history of changes. Made at first use, and anew where a database is not the one it was. */
  epoch(): Promise<string>
  /** Gives the history of changes a new name, by which mirrors see that it is not the one they know. */
  renewEpoch(): Promise<string>
  /** This site's name, made at first use. */
  siteId(): Promise<string>
  /** This site's name, and those of the sites it follows, nearest first. */
  sites(): Promise<string[]>
  /** The changes after a number, each record once and as it is now; 410 when they are no longer all known. */
  changes(after: number): Promise<Changes>
  /** One page of all images, in the order of their ids. Deleted ones too: their ids are never given again. */
  page(afterId: string): Promise<ImageRecord[]>
  /** All metadata definitions. */
  metadefs(): Promise<MetadefChanges>
  /** Forgets all but the latest `keep` changes. */
  compact(keep: number): Promise<void>
}

/** For reads that ask for nothing in particular. */
const ONE = { keyOf: () => '', most: 1, largest: 10_000 }
/** Followers mostly ask for the same one. */
const MOST_PAGES = 16
/** Characters of one that is remembered. */
const LARGEST_PAGE = 1 << 20

export function createFeed(registry: Registry): Feed {
  const isFile = registry.$client.protocol === 'file'
  const remember = rememberReads(registry)
  const seq = remember(() => latestSeq(registry), ONE)
  const waits = createWaits(seq, isFile)
  const siteId = remember(() => findOrMake(registry, 'id'), ONE)

  return {
    seq,
    untilMoved: waits.untilMoved,
    endWaits: waits.end,
    epoch: remember(() => findOrMake(registry, 'epoch'), ONE),

    async renewEpoch() {
      await forgetValues(registry, ['epoch'])
      return findOrMake(registry, 'epoch')
    },

    siteId,

    sites: remember(async () => {
      const followed = await findValue(registry, 'upstream_sites')
      return [await siteId(), ...(followed?.split(' ') ?? [])]
    }, ONE),

    changes: remember((after: number) => changesAfter(registry, after), {
      keyOf: String,
      most: MOST_PAGES,
      largest: LARGEST_PAGE,
    }),

    page: (afterId) =>
      registry
        .select(record)
        .from(images)
        .where(and(gt(images.id, afterId), lte(images.id, lastOfPage(afterId))))
        .orderBy(asc(images.id))
        .all(),

    metadefs: () => allMetadefs(registry),

    async compact(keep) {
      const seq = await latestSeq(registry)
      await freeing(registry)
        .delete(feed)
        .where(lte(feed.seq, seq - keep))
    },
  }
}

async function changesAfter(registry: Registry, after: number): Promise<Changes> {
  const seq = await latestSeq(registry)
  await refuseCompacted(registry, after, seq)
  const last = max(feed.seq)
  const found = await registry
    .select({
      kind: feed.kind,
      id: feed.record_id,
      seq: sql<number>`${last}`.mapWith(Number),
      at: sql<number>`${max(feed.changed_at)}`.mapWith(Number),
    })
    .from(feed)
    .where(gt(feed.seq, after))
    .groupBy(feed.kind, feed.record_id)
    .orderBy(asc(last))
    .limit(PAGE_ROWS)
  const rows = await firstPage(registry, found)
  const ofImages = rows.filter(({ kind }) => kind === 'image')
  const records = await readRecords(
    registry,
    ofImages.map(({ id }) => id),
  )
  const more = found.length === PAGE_ROWS || rows.length < found.length
  return {
    epoch: await findOrMake(registry, 'epoch'),
    seq: more ? (rows.at(-1)?.seq ?? seq) : Math.max(seq, rows.at(-1)?.seq ?? 0),
    more,
    changes: ofImages.map(({ id, seq: changedAt, at }) => ({
      seq: changedAt,
      image: records.get(id) ?? tombstone(id, at),
    })),
    ...(rows.length > ofImages.length && { metadefs: await changedMetadefs(registry, rows) }),
  }
}

type Status = typeof images.$inferSelect.status

/** An edge gives only what it can verify: what others have stored is on its way until its digests are known. */
const toldStatus = sql<Status>`CASE
  WHEN images.status = 'active' AND images.size > 0 AND ${blobOf} IS NULL THEN 'importing'
  ELSE images.status END`

const record = {
  ...getTableColumns(images),
  status: toldStatus,
  properties: propertiesOf,
  tags: tagsOf,
  members: membersOf,
  blob: blobOf,
}

async function readRecords(registry: Registry, ids: string[]): Promise<Map<string, ImageRecord>> {
  if (ids.length === 0) return new Map()
  const found = await registry.select(record).from(images).where(inArray(images.id, ids))
  return new Map(found.map((image) => [image.id, image]))
}

/** SQLite's own counter, which also knows of rows that are gone. */
async function latestSeq(registry: Registry): Promise<number> {
  const found = await registry
    .select({ seq: sql<number>`seq` })
    .from(sql`sqlite_sequence`)
    .where(sql`name = 'feed'`)
    .get()
  return found?.seq ?? 0
}

async function refuseCompacted(registry: Registry, after: number, seq: number): Promise<void> {
  const oldest = await registry
    .select({ seq: sql<number>`min(${feed.seq})` })
    .from(feed)
    .get()
  const firstKnown = oldest?.seq ?? seq + 1
  if (after >= firstKnown - 1 && after <= seq) return
  throw new HeliostatError(
    'gone',
    `Changes after ${after} are not known, only those after ${firstKnown - 1} up to ${seq}: take the snapshot`,
  )
}

async function findOrMake(registry: Registry, key: string): Promise<string> {
  const found = await findValue(registry, key)
  if (found !== null) return found
  const value = crypto.randomUUID()
  await registry.insert(site).values({ key, value }).onConflictDoNothing()
  return (await findValue(registry, key)) ?? value
}
