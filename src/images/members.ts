import { and, eq, isNotNull, isNull, not, type SQL, sql } from 'drizzle-orm'
import type { WireMember } from '../../schema/member.ts'
import { imageMembers, images } from '../../schema/tables.ts'
import { HeliostatError } from '../errors.ts'
import { announceImages } from '../registry/announcements.ts'
import { affectedRows, changesOne, freeing, type Registry } from '../registry/database.ts'
import { insertSelected } from '../registry/insert-selected.ts'
import { wireTime } from '../wire-time.ts'
import { imageNotFound } from './access.ts'
import { alive } from './alive.ts'
import type { Image } from './image.ts'
import type { MemberStatus } from './member-body.ts'
import { isMemberOf, type Viewer } from './visibility.ts'

export type Member = typeof imageMembers.$inferSelect

/** Rows of removed members that are kept for each image: one who is added again has his first date from his row. */
const KEPT_REMOVED = 128

interface Offer {
  image_id: string
  member: string
  at: number
}

/**
 * Whom images are shared with. Each change is one batch that also announces the image to mirrors; the image itself stays
 * as it is.
 */
export interface MemberRepo {
  /** In the order in which they were first added. A member sees only himself, the owner and administrators see all. */
  list(image: Image, viewer: Viewer): Promise<Member[]>
  find(image: Image, member: string, viewer: Viewer): Promise<Member | null>
  /** Makes a project a member who has not answered yet. `quota` is members an image, −1 for no limit. */
  add(offer: Offer, quota: number): Promise<Member>
  /** False when he is no longer a member, or the image is no longer shared. */
  setStatus(member: Member, status: MemberStatus, at: number): Promise<boolean>
  /** False when he is no longer a member, or the image is no longer shared. */
  remove(member: Member, at: number): Promise<boolean>
}

export function createMemberRepo(registry: Registry): MemberRepo {
  return {
    list(image, viewer) {
      return registry
        .select()
        .from(imageMembers)
        .where(and(membersOf(image.id), visibleTo(viewer, image)))
        .orderBy(imageMembers.created_at, imageMembers.member)
        .all()
    },

    async find(image, member, viewer) {
      const found = await registry
        .select()
        .from(imageMembers)
        .where(and(oneMember(image.id, member), visibleTo(viewer, image)))
        .get()
      return found ?? null
    },

    add: (offer, quota) => add(registry, offer, quota),

    setStatus: (member, status, at) => change(registry, member, { status, updated_at: at }),

    remove: (member, at) => change(freeing(registry), member, { updated_at: at, deleted_at: at }),
  }
}

/** The member as clients see it. */
export function toWireMember(member: Member): WireMember {
  return {
    member_id: member.member,
    image_id: member.image_id,
    status: member.status,
    created_at: wireTime(member.created_at),
    updated_at: wireTime(member.updated_at),
    schema: '/v2/schemas/member',
  }
}

/**
 * A removed member still has a row, with `deleted_at`. To add him again is to revive it: his status is pending again,
 * and his `created_at` still the date at which he was first added.
 */
async function add(registry: Registry, offer: Offer, quota: number): Promise<Member> {
  const { image_id, member, at } = offer
  const count = countMembers(image_id)
  const fits = sql`(${quota} < 0 OR ${count} < ${quota})`
  const joins = and(isSharedImage(image_id), not(isMemberOf(member)), fits)
  const [, inserted, [row], [image]] = await registry.batch([
    announceImages(registry, joins, at),
    insertSelected(
      registry,
      imageMembers,
      { image_id, member, status: 'pending', created_at: at, updated_at: at },
      sql`FROM ${images} WHERE ${joins} ON CONFLICT (image_id, member)
        DO UPDATE SET status = 'pending', updated_at = ${at}, deleted_at = NULL`,
    ),
    registry.select().from(imageMembers).where(oneMember(image_id, member)),
    registry
      .select({ visibility: images.visibility, members: count })
      .from(images)
      .where(alive(image_id)),
  ])
  if (row && affectedRows(inserted) === 1) return row
  if (!image) throw imageNotFound(image_id)
  if (image.visibility !== 'shared') throw membersRefused('create', image_id)
  if (row) throw duplicated(offer)
  throw overQuota(image.members + 1, quota)
}

function change(
  registry: Registry,
  { image_id, member }: Member,
  values: Partial<Member> & Pick<Member, 'updated_at'>,
): Promise<boolean> {
  return changesOne(
    registry,
    announceImages(registry, and(isSharedImage(image_id), isMemberOf(member)), values.updated_at),
    registry
      .update(imageMembers)
      .set(values)
      .where(and(oneMember(image_id, member), isShared(image_id))),
    forgetRemoved(registry, image_id),
  )
}

/** Only the rows of those who were removed last are kept, since the feed sends mirrors every row with its image. */
function forgetRemoved(registry: Registry, imageId: string) {
  const kept = sql`SELECT m.rowid FROM image_members m
    WHERE m.image_id = ${imageId} AND m.deleted_at IS NOT NULL
    ORDER BY m.deleted_at DESC LIMIT ${KEPT_REMOVED}`
  return registry
    .delete(imageMembers)
    .where(
      and(
        eq(imageMembers.image_id, imageId),
        isNotNull(imageMembers.deleted_at),
        sql`rowid NOT IN (${kept})`,
      ),
    )
}

function membersOf(imageId: string): SQL | undefined {
  return and(eq(imageMembers.image_id, imageId), isNull(imageMembers.deleted_at))
}

function oneMember(imageId: string, member: string): SQL | undefined {
  return and(membersOf(imageId), eq(imageMembers.member, member))
}

function countMembers(imageId: string): SQL<number> {
  return sql<number>`(
    SELECT count(*) FROM image_members m WHERE m.image_id = ${imageId} AND m.deleted_at IS NULL
  )`.mapWith(Number)
}

function visibleTo({ isAdmin, projectId }: Viewer, { owner }: Image): SQL | undefined {
  if (isAdmin || (owner !== null && owner === projectId)) return undefined
  return projectId === null ? sql`false` : eq(imageMembers.member, projectId)
}

function isShared(imageId: string): SQL {
  return sql`EXISTS (SELECT 1 FROM ${images} WHERE ${isSharedImage(imageId)})`
}

/** The image, where it is shared, as a condition on `images`. */
function isSharedImage(imageId: string): SQL | undefined {
  return and(alive(imageId), eq(images.visibility, 'shared'))
}

/** Refuses something with the members of an image: mostly since it is not shared [403]. */
export function membersRefused(
  verb: 'list' | 'create' | 'update' | 'delete',
  id: string,
): HeliostatError {
  const reason = verb === 'list' ? ': Only shared images have members.' : '.'
  return new HeliostatError('forbidden', `Not allowed to ${verb} members for image ${id}${reason}`)
}

function duplicated({ image_id, member }: Offer): HeliostatError {
  return new HeliostatError('conflict', `Member ${member} is duplicated for image ${image_id}`)
}

function overQuota(attempted: number, maximum: number): HeliostatError {
  return new HeliostatError(
    'too-large',
    `The limit has been exceeded on the number of allowed image members. Attempted: ${attempted}, Maximum: ${maximum}`,
  )
}
