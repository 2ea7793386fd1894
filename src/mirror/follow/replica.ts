import { getTableColumns, sql } from 'drizzle-orm'
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core'
import {
  imageLocations,
  imageMembers,
  imageProperties,
  images,
  imageTags,
  site,
} from '../../../schema/tables.ts'
import type { Manifest } from '../../blobs/manifest.ts'
import { insertManifest, keepManifest, missingBlobs } from '../../inventory/blobs.ts'
import { findDisagreement } from '../../inventory/chunk-lengths.ts'
import { removeLocations, replaceBlobs } from '../../inventory/locations.ts'
import { announceTaken } from '../../registry/announcements.ts'
import { freeing, type Registry, type Statement } from '../../registry/database.ts'
import { findValue, forgetValues, setValues } from '../../registry/site-values.ts'
import type { ImageRecord, MetadefChanges } from '../feed/records.ts'
import { replaceAllMetadefs, replaceMetadefs } from './replica-metadefs.ts'
import { loadWithheld, saveWithheld, WITHHELD_KEY, type WithheldImage } from './withheld.ts'

/** Rows that one INSERT has: SQLite binds at most 32,766 values a statement. */
const ROWS_A_STATEMENT = 1000

/** Where this site is in the feed of the one it follows. */
export interface Cursor {
  epoch: string
  seq: number
  /** The sites that are followed, nearest first. */
  sites: string[]
}

/** What is taken over besides images that can be served. */
export interface TakenBeside {
  changes: MetadefChanges
  /** Of a snapshot they are all that there are. */
  complete: boolean
  /** All images that are withheld from now on; without it they stay the same. */
  withheld?: WithheldImage[]
}

export const NOTHING_BESIDE: TakenBeside = {
  changes: { namespaces: [], resource_types: [] },
  complete: false,
}

/** What the feed tells of, to see after an upgrade that a snapshot is wanted which has all of it. */
const FOLLOWED = 'images metadefs'

const HEARD_KEY = 'upstream_heard'

/** Where an edge stands, among what else is known of a site. An origin has none of it. */
export const FOLLOWING = [
  'upstream_epoch',
  'cursor',
  'upstream_sites',
  'followed',
  HEARD_KEY,
  WITHHELD_KEY,
] as const

/** The registry of an edge, which only the feed changes: also on a full disk, for what is deleted upstream goes here too. */
export interface Replica {
  /** Null before the first snapshot, and where another one is wanted. */
  cursor(): Promise<Cursor | null>
  /** Whether there has been a snapshot: from then on there is something to serve. */
  hasSnapshot(): Promise<boolean>
  /** Notes whom this site is to follow, before the first snapshot. */
  noteSites(sites: string[]): Promise<void>
  /** When the upstream was last heard, milliseconds since 1970 UTC, as far as it was noted. */
  heardAt(): Promise<number | null>
  noteHeard(time: number): Promise<void>
  /** The first chunk of a manifest that has another length in one that is here; null for none. */
  disagreement(manifest: Manifest): Promise<string | null>
  /** The images that are not shown as they are upstream, since they could not be served. */
  withheld(): Promise<WithheldImage[]>
  /** Which of the blobs are not known yet. */
  missingBlobs(digests: string[]): Promise<string[]>
  /** Stores a manifest of many chunks before the images that need it. */
  keepManifest(digest: string, manifest: Manifest): Promise<void>
  /** Takes over records, with the manifests that are new and, if given, the cursor: all or nothing. */
  apply(
    records: ImageRecord[],
    manifests: Map<string, Manifest>,
    cursor: Cursor | null,
    beside?: TakenBeside,
  ): Promise<void>
  /** Forgets every image but these: what a snapshot does not have was gone before it. */
  keepOnly(ids: string[]): Promise<void>
}

/** `changed` is called after each change. */
export function createReplica(registry: Registry, changed: () => void = () => undefined): Replica {
  return {
    async cursor() {
      const rows = await registry.select().from(site)
      const known = new Map(rows.map(({ key, value }) => [key, value]))
      const epoch = known.get('upstream_epoch')
      if (epoch === undefined || known.get('followed') !== FOLLOWED) return null
      const sites = known.get('upstream_sites')?.split(' ') ?? []
      const seq = Number(known.get('cursor') ?? 0)
      // What a disk has made of it is nowhere in the feed.
      return Number.isSafeInteger(seq) ? { epoch, seq, sites } : null
    },

    hasSnapshot: async () => (await findValue(registry, 'upstream_epoch')) !== null,

    async noteSites(sites) {
      await setValues(freeing(registry), { upstream_sites: sites.join(' ') })
    },

    async heardAt() {
      const time = Number((await findValue(registry, HEARD_KEY)) ?? Number.NaN)
      return Number.isSafeInteger(time) ? time : null
    },

    async noteHeard(time) {
      await setValues(freeing(registry), { [HEARD_KEY]: String(time) })
    },

    disagreement: (manifest) => findDisagreement(registry, manifest),

    withheld: () => loadWithheld(registry),

    missingBlobs: (digests) => missingBlobs(registry, digests),

    keepManifest: (digest, manifest) => keepManifest(registry, digest, manifest),

    async apply(records, manifests, cursor, beside = NOTHING_BESIDE) {
      const { changes, complete, withheld } = beside
      const now = Date.now()
      const replace = complete ? replaceAllMetadefs : replaceMetadefs
      await runBatch(registry, [
        ...[...manifests].flatMap(([digest, manifest]) =>
          insertManifest(registry, digest, manifest, now),
        ),
        ...replaceImages(registry, records, now),
        ...replace(registry, changes, now),
        ...(withheld ? [saveWithheld(registry, withheld)] : []),
        ...(cursor ? [saveCursor(registry, cursor)] : []),
      ])
      changed()
    },

    async keepOnly(ids) {
      const kept = sql`SELECT value FROM json_each(${JSON.stringify(ids)})`
      const others = sql`${imageLocations.image_id} NOT IN (${kept})`
      await runBatch(registry, [
        ...removeLocations(registry, others, Date.now()),
        registry.delete(images).where(sql`${images.id} NOT IN (${kept})`),
        // The own feed does not tell of these: whoever follows it has to take a snapshot too.
        forgetValues(registry, ['epoch']),
      ])
      changed()
    },
  }
}

async function runBatch(registry: Registry, statements: Statement[]): Promise<void> {
  const [first, ...rest] = statements
  if (first) await freeing(registry).batch([first, ...rest])
}

/** One statement a table for all records, so that a page of hundreds takes a moment. */
function replaceImages(registry: Registry, records: ImageRecord[], now: number): Statement[] {
  if (records.length === 0) return []
  const ids = JSON.stringify(records.map(({ id }) => id))
  const mine = (column: SQLiteColumn) => sql`${column} IN (SELECT value FROM json_each(${ids}))`
  const rows = records.map(
    ({ tags: _tags, properties: _properties, members: _members, blob: _blob, ...row }) => row,
  )
  return [
    ...inPages(rows).map((page) =>
      registry
        .insert(images)
        .values(page)
        .onConflictDoUpdate({ target: images.id, set: whatIsNew }),
    ),
    registry.delete(imageTags).where(mine(imageTags.image_id)),
    registry.delete(imageProperties).where(mine(imageProperties.image_id)),
    registry.delete(imageMembers).where(mine(imageMembers.image_id)),
    ...inPages(records.flatMap(tagsOf)).map((page) => registry.insert(imageTags).values(page)),
    ...inPages(records.flatMap(propertiesOf)).map((page) =>
      registry.insert(imageProperties).values(page),
    ),
    ...inPages(records.flatMap(membersOf)).map((page) =>
      registry.insert(imageMembers).values(page),
    ),
    ...replaceBlobs(registry, records, now),
    announceTaken(registry, { kind: 'image', ids: records.map(({ id }) => id) }, now),
  ]
}

const whatIsNew = Object.fromEntries(
  Object.entries(getTableColumns(images)).map(([key, { name }]) => [
    key,
    sql.raw(`excluded."${name}"`),
  ]),
)

const tagsOf = ({ id, tags }: ImageRecord) => tags.map((value) => ({ image_id: id, value }))

const propertiesOf = ({ id, properties }: ImageRecord) =>
  Object.entries(properties).map(([name, value]) => ({ image_id: id, name, value }))

const membersOf = ({ id, members }: ImageRecord) =>
  members.map((member) => ({ image_id: id, ...member }))

function inPages<T>(rows: T[]): T[][] {
  return Array.from({ length: Math.ceil(rows.length / ROWS_A_STATEMENT) }, (_, page) =>
    rows.slice(page * ROWS_A_STATEMENT, (page + 1) * ROWS_A_STATEMENT),
  )
}

function saveCursor(registry: Registry, { epoch, seq, sites }: Cursor): Statement {
  const values = {
    upstream_epoch: epoch,
    cursor: String(seq),
    upstream_sites: sites.join(' '),
    followed: FOLLOWED,
  }
  return setValues(registry, values)
}
