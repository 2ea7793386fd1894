import type { Image } from '../../images/image.ts'
import type { Member, MemberRepo } from '../../images/members.ts'
import type { SourceMember } from './record.ts'

/** Keeps the members of images as the source has them. */
export interface Sharing {
  /** Tells whether anything had to be done. */
  bring(image: Image, there: SourceMember[]): Promise<boolean>
}

const EVERYBODY = { isAdmin: true, projectId: null }
const NO_QUOTA = -1

/**
 * A member who answered here has a newer date than at the source, and keeps his answer. One whom the source does not
 * have was removed there, unless he has come since this run began and was never seen there: then he was added here.
 */
export function createSharing(members: MemberRepo): Sharing {
  const begunAt = Date.now()
  const seen = new Set<string>()

  async function bringOne(image: Image, there: SourceMember, here: Member | null) {
    const { member_id: member, status, created_at, updated_at } = there
    if (here && (here.status === status || here.updated_at > updated_at)) return false
    const offer = { image_id: image.id, member, at: created_at }
    const offered = here ?? (await members.add(offer, NO_QUOTA))
    if (offered.status !== status) await members.setStatus(offered, status, updated_at)
    return true
  }

  return {
    async bring(image, there) {
      const here = await members.list(image, EVERYBODY)
      let changed = false
      for (const member of there) {
        seen.add(nameOf(image, member.member_id))
        const known = here.find((other) => other.member === member.member_id) ?? null
        if (await bringOne(image, member, known)) changed = true
      }
      for (const member of here) {
        if (there.some(({ member_id }) => member_id === member.member)) continue
        const cameFromThere = seen.has(nameOf(image, member.member)) || member.updated_at < begunAt
        if (cameFromThere && (await members.remove(member, Date.now()))) changed = true
      }
      return changed
    },
  }
}

function nameOf({ id }: Image, member: string): string {
  return `${id}/${member}`
}
