/**
 * The registry: the one definition from which the migrations, the TypeScript types, the zod shapes and the
 * published JSON Schemas derive. Times are integers, milliseconds since 1970 UTC.
 */
import { sql } from 'drizzle-orm'
import {
  type IndexBuilder,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  unique,
} from 'drizzle-orm/sqlite-core'
import { HASH_ALGORITHMS } from './hash-algorithms.ts'
import { TASK_STATUSES, TASK_TYPES } from './task-types.ts'

export const IMAGE_STATUSES = [
  'queued',
  'saving',
  'active',
  'killed',
  'deleted',
  'uploading',
  'importing',
  'pending_delete',
  'deactivated',
] as const

/** What is `staged` waits for its import: it can be read, but not by those who download. */
export const LOCATION_STATUSES = [
  'saving',
  'staged',
  'active',
  'pending_delete',
  'deleted',
] as const

export const VISIBILITIES = ['community', 'public', 'private', 'shared'] as const

export const METADEF_VISIBILITIES = ['public', 'private'] as const

export const MEMBER_STATUSES = ['pending', 'accepted', 'rejected'] as const

const times = {
  created_at: integer().notNull(),
  updated_at: integer().notNull(),
}

const alive = (builder: IndexBuilder) => builder.where(sql`deleted_at IS NULL`)
const listed = (builder: IndexBuilder) =>
  builder.where(sql`deleted_at IS NULL AND status <> 'killed'`)

/** What lists of images are sorted by. */
export const LIST_KEYS = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'id',
  'created_at',
  'updated_at',
] as const

export type ListKey = (typeof LIST_KEYS)[number]

/**
 * The index in which the images of one visibility, of all owners or of one, are in the order of a key and then of their
 * creation. What a viewer sees is merged from several such rows, since no index holds it in order.
 */
export const listIndex = (leading: 'visibility' | 'owner', key: ListKey): string =>
  `images_by_${leading}_and_${key}`

/**
 * A deleted image keeps its row (`deleted_at`), since its id may not be used again. One that is in `pending_delete`
 * has all but gone too; only its data is still there, until it is restored, or deleted for good.
 */
export const images = sqliteTable(
  'images',
  {
    id: text({ length: 36 }).primaryKey(),
    name: text({ length: 255 }),
    disk_format: text({ length: 20 }),
    container_format: text({ length: 20 }),
    size: integer(),
    virtual_size: integer(),
    status: text({ length: 30, enum: IMAGE_STATUSES }).notNull(),
    visibility: text({ enum: VISIBILITIES }).notNull().default('shared'),
    checksum: text({ length: 32 }),
    os_hash_algo: text({ length: 64 }),
    os_hash_value: text({ length: 128 }),
    min_disk: integer().notNull().default(0),
    min_ram: integer().notNull().default(0),
    owner: text({ length: 255 }),
    protected: integer({ mode: 'boolean' }).notNull().default(false),
    os_hidden: integer({ mode: 'boolean' }).notNull().default(false),
    ...times,
    deleted_at: integer(),
  },
  (table) => [
    ...LIST_KEYS.flatMap((key) => {
      // Few images are of the same millisecond, so that their ids need not be in order too.
      const ordered =
        key === 'id' || key === 'created_at' ? [table[key]] : [table[key], table.created_at]
      return [
        listed(
          index(listIndex('visibility', key)).on(table.os_hidden, table.visibility, ...ordered),
        ),
        listed(
          index(listIndex('owner', key)).on(
            table.os_hidden,
            table.owner,
            table.visibility,
            ...ordered,
          ),
        ),
      ]
    }),
    alive(
      index('images_by_checksum').on(table.os_hidden, table.checksum, table.created_at, table.id),
    ),
    alive(
      index('images_by_hash').on(table.os_hidden, table.os_hash_value, table.created_at, table.id),
    ),
    // What an owner has, images that wait for their deletion included.
    index('images_by_usage')
      .on(table.owner, table.status, table.size)
      .where(sql`status NOT IN ('killed', 'deleted')`),
    index('images_by_deletion')
      .on(table.status, table.deleted_at)
      .where(sql`deleted_at IS NOT NULL`),
  ],
)

const imageId = () =>
  text({ length: 36 })
    .notNull()
    .references(() => images.id, { onDelete: 'cascade' })

/** Custom properties: every key of an image that is not a base property. */
export const imageProperties = sqliteTable(
  'image_properties',
  {
    image_id: imageId(),
    name: text({ length: 255 }).notNull(),
    value: text(),
  },
  (table) => [
    primaryKey({ columns: [table.image_id, table.name] }),
    index('image_properties_by_value').on(table.name, table.value),
  ],
)

export const imageTags = sqliteTable(
  'image_tags',
  {
    image_id: imageId(),
    value: text({ length: 255 }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.image_id, table.value] }),
    index('image_tags_by_value').on(table.value),
  ],
)

/** Projects that a shared image is shared with. A removed member keeps its row, so that its first `created_at` survives. */
export const imageMembers = sqliteTable(
  'image_members',
  {
    image_id: imageId(),
    member: text({ length: 255 }).notNull(),
    status: text({ length: 20, enum: MEMBER_STATUSES }).notNull().default('pending'),
    ...times,
    deleted_at: integer(),
  },
  (table) => [
    primaryKey({ columns: [table.image_id, table.member] }),
    index('image_members_by_member').on(table.member),
  ],
)

/** The bytes of an image, named by the SHA-256 of their manifest. `released_at` is when the last location left it. */
export const blobs = sqliteTable('blobs', {
  digest: text({ length: 64 }).primaryKey(),
  size: integer().notNull(),
  chunk_size: integer().notNull(),
  checksum: text({ length: 32 }).notNull(),
  hash_algo: text({ length: 64, enum: HASH_ALGORITHMS }).notNull(),
  hash_value: text({ length: 128 }).notNull(),
  created_at: integer().notNull(),
  released_at: integer(),
})

/** The chunks of a blob in order. A null digest is a chunk of zeros, which no store holds. */
export const blobChunks = sqliteTable(
  'blob_chunks',
  {
    blob: text({ length: 64 })
      .notNull()
      .references(() => blobs.digest, { onDelete: 'cascade' }),
    position: integer().notNull(),
    digest: text({ length: 64 }),
  },
  (table) => [
    primaryKey({ columns: [table.blob, table.position] }),
    index('blob_chunks_by_digest').on(table.digest),
  ],
)

/** The id of the store of an edge, which has but one of its own. */
export const NO_STORE = ''

/**
 * A copy of an image's bytes. `store` is the id of the store that it lies in.
 * With a `url` it is one object there, otherwise it is the chunks of its blob; an object that others have written has no
 * blob until it has been read once. While it is written (`saving`) whoever does so renews `updated_at`.
 */
export const imageLocations = sqliteTable(
  'image_locations',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    image_id: imageId(),
    store: text({ length: 255 }).notNull().default(NO_STORE),
    blob: text({ length: 64 }).references(() => blobs.digest),
    url: text(),
    metadata: text({ mode: 'json' }).$type<Record<string, unknown>>().notNull().default({}),
    status: text({ length: 30, enum: LOCATION_STATUSES }).notNull().default('active'),
    ...times,
  },
  (table) => [
    index('image_locations_by_image').on(table.image_id),
    index('image_locations_by_blob').on(table.blob),
    index('image_locations_by_store').on(table.store, table.url),
    // Few ever are, and those who look after the dead look for them every five seconds.
    index('image_locations_saving')
      .on(table.updated_at)
      .where(sql`status = 'saving'`),
  ],
)

/**
 * Objects that no image counts on any more, or that were broken off: what is left to be deleted from their stores.
 * `claimed_at` is when somebody set about it last.
 */
export const looseObjects = sqliteTable(
  'loose_objects',
  {
    store: text({ length: 255 }).notNull(),
    url: text().notNull(),
    claimed_at: integer().notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.store, table.url] })],
)

/**
 * An upload that is running. Its owner renews `heartbeat_at`; one that has stopped doing so is dead. `blob` is what has
 * come of it, once all is there.
 */
export const uploads = sqliteTable('uploads', {
  id: text({ length: 36 }).primaryKey(),
  image_id: imageId().unique(),
  started_at: integer().notNull(),
  heartbeat_at: integer().notNull(),
  blob: text({ length: 64 }),
})

/** The chunks that a running upload has put or reused, which keeps the sweeper off them. */
export const uploadChunks = sqliteTable(
  'upload_chunks',
  {
    upload_id: text({ length: 36 })
      .notNull()
      .references(() => uploads.id, { onDelete: 'cascade' }),
    position: integer().notNull(),
    digest: text({ length: 64 }),
  },
  (table) => [
    primaryKey({ columns: [table.upload_id, table.position] }),
    index('upload_chunks_by_digest').on(table.digest),
  ],
)

/**
 * Chunks that a sweeper is removing from a store at this moment; whoever needs one there waits until it is gone.
 */
export const condemnedChunks = sqliteTable(
  'condemned_chunks',
  {
    store: text({ length: 255 }).notNull(),
    digest: text({ length: 64 }).notNull(),
    condemned_at: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.store, table.digest] })],
)

/** The ordered log of every change: which record changed, never how. Readers fetch the record as it is now. */
export const feed = sqliteTable('feed', {
  seq: integer().primaryKey({ autoIncrement: true }),
  kind: text({ enum: ['image', 'metadef_namespace', 'metadef_resource_type'] }).notNull(),
  record_id: text({ length: 255 }).notNull(),
  changed_at: integer().notNull(),
})

/** What a site knows of itself (`epoch`) and of the site that it follows (`upstream_epoch`, `cursor`, …). */
export const site = sqliteTable('site', {
  key: text().primaryKey(),
  value: text().notNull(),
})

/** What an edge knows of images beyond the feed: who was asked to stay, and how often it was read here. Every site has its own. */
export const cachedImages = sqliteTable('cached_images', {
  image_id: imageId().primaryKey(),
  /** When an operator asked for the whole image to stay here; null when none did. */
  pinned_at: integer(),
  hits: integer().notNull().default(0),
  last_accessed_at: integer(),
})

/**
 * A named group of metadata definitions. Its id survives a rename; mirrors know it by that. A definition file may say
 * nothing of the visibility, which is as good as private.
 */
export const metadefNamespaces = sqliteTable(
  'metadef_namespaces',
  {
    id: text({ length: 36 }).primaryKey(),
    namespace: text({ length: 80 }).notNull().unique(),
    display_name: text({ length: 80 }),
    description: text({ length: 500 }),
    visibility: text({ length: 32, enum: METADEF_VISIBILITIES }),
    protected: integer({ mode: 'boolean' }).notNull().default(false),
    owner: text({ length: 255 }),
    ...times,
  },
  (table) => [index('metadef_namespaces_by_owner').on(table.owner)],
)

/** What everything within a namespace has. The id only keeps the order of creation. */
const definition = () => ({
  id: integer().primaryKey({ autoIncrement: true }),
  namespace_id: text({ length: 36 })
    .notNull()
    .references(() => metadefNamespaces.id, { onDelete: 'cascade' }),
  name: text({ length: 80 }).notNull(),
  ...times,
})

/** `json_schema` is the definition without its name, as it was given. */
export const metadefProperties = sqliteTable(
  'metadef_properties',
  {
    ...definition(),
    json_schema: text({ mode: 'json' }).$type<Record<string, unknown>>().notNull(),
  },
  (table) => [unique().on(table.namespace_id, table.name)],
)

/** `json_schema` is the object's properties by their names. */
export const metadefObjects = sqliteTable(
  'metadef_objects',
  {
    ...definition(),
    description: text(),
    required: text({ mode: 'json' }).$type<string[]>(),
    json_schema: text({ mode: 'json' }).$type<Record<string, Record<string, unknown>>>(),
  },
  (table) => [unique().on(table.namespace_id, table.name)],
)

export const metadefTags = sqliteTable('metadef_tags', definition(), (table) => [
  unique().on(table.namespace_id, table.name),
])

/** Every resource type that a namespace has ever been associated with. Those of loaded catalogs are protected. */
export const metadefResourceTypes = sqliteTable('metadef_resource_types', {
  name: text({ length: 80 }).primaryKey(),
  protected: integer({ mode: 'boolean' }).notNull().default(false),
  ...times,
})

/** What a namespace's definitions are for; `prefix` is what its property names get there. */
export const metadefResourceTypeAssociations = sqliteTable(
  'metadef_namespace_resource_types',
  {
    namespace_id: text({ length: 36 })
      .notNull()
      .references(() => metadefNamespaces.id, { onDelete: 'cascade' }),
    resource_type: text({ length: 80 })
      .notNull()
      .references(() => metadefResourceTypes.name),
    properties_target: text({ length: 80 }),
    prefix: text({ length: 80 }),
    ...times,
  },
  (table) => [
    primaryKey({ columns: [table.namespace_id, table.resource_type] }),
    index('metadef_associations_by_resource_type').on(table.resource_type),
  ],
)

/**
 * Asynchronous work (imports). While it is not ended the process that does it (`runner`) renews `updated_at`; one that
 * has stopped doing so is dead, and another process takes the work up.
 */
export const tasks = sqliteTable(
  'tasks',
  {
    id: text({ length: 36 }).primaryKey(),
    type: text({ length: 30, enum: TASK_TYPES }).notNull(),
    status: text({ length: 30, enum: TASK_STATUSES }).notNull(),
    owner: text({ length: 255 }),
    image_id: text({ length: 36 }),
    request_id: text({ length: 64 }),
    user_id: text({ length: 64 }),
    input: text({ mode: 'json' }).$type<Record<string, unknown>>(),
    result: text({ mode: 'json' }).$type<Record<string, unknown>>(),
    message: text().notNull().default(''),
    runner: text({ length: 36 }),
    /** How many processes have begun it. */
    attempts: integer().notNull().default(0),
    expires_at: integer(),
    ...times,
    deleted_at: integer(),
  },
  (table) => [
    index('tasks_by_image').on(table.image_id),
    index('tasks_by_owner').on(table.owner),
    index('tasks_by_status').on(table.status),
    index('tasks_by_update').on(table.updated_at),
  ],
)

/**
 * Tokens that Keystone has vouched for, so that they go on working after a restart without it. Found by the token's
 * SHA-256, which is as hard to guess as the token itself.
 */
export const rememberedTokens = sqliteTable(
  'remembered_tokens',
  {
    hash: text({ length: 64 }).primaryKey(),
    identity: text({ mode: 'json' }).$type<Record<string, unknown>>().notNull(),
    validated_at: integer().notNull(),
    expires_at: integer().notNull(),
  },
  (table) => [index('remembered_tokens_by_expiry').on(table.expires_at)],
)

/** Which migrations this database has had. The last one's name is the schema's revision. */
export const schemaMigrations = sqliteTable('schema_migrations', {
  revision: text().primaryKey(),
  applied_at: integer()
    .notNull()
    .default(sql`(unixepoch() * 1000)`),
})
