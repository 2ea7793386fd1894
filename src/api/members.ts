import { HeliostatError } from '../errors.ts'
import { type Access, imageNotFound } from '../images/access.ts'
import type { FoundImage } from '../images/image.ts'
import { parseMemberStatus, parseNewMember, parseStatusChange } from '../images/member-body.ts'
import { type Member, notShared, toWireMember } from '../images/members.ts'
import type { Services } from '../services.ts'
import type { App, RequestContext } from './context.ts'
import { json } from './json.ts'
import { readJson, SMALL_JSON_BYTES } from './json-body.ts'
import { refuseBody, resource } from './resource.ts'

const COLLECTION = '/v2/images/:image_id/members'

/** Mounts the members of an image: the projects that it is shared with. */
export function mountMembers(app: App, services: Services): void {
  mountCollection(app, services)
  mountMember(app, services)
}

function mountCollection(app: App, { config, access, members }: Services): void {
  resource(app, COLLECTION, {
    async GET(context) {
      refuseBody(context)
      const caller = context.get('caller')
      const image = await findImage(context, access)
      if (image.visibility !== 'shared') throw notShared('list', image.id)
      access.requireOnImage('get_members', caller, image)
      const found = await members.list(image, caller)
      const visible = found.filter(({ member }) =>
        access.mayOnImage('get_member', caller, image, member),
      )
      return json(context, {
        members: visible.map(toWireMember),
        schema: '/v2/schemas/members',
      })
    },

    async POST(context) {
      const member = parseNewMember(await readJson(context.req.raw, SMALL_JSON_BYTES))
      const image = await findImage(context, access)
      if (image.visibility !== 'shared') throw notShared('create', image.id)
      access.requireOnImage('add_member', context.get('caller'), image, member)
      const offer = { image_id: image.id, member, at: Date.now() }
      const added = await members.add(offer, config.DEFAULT.image_member_quota)
      return json(context, toWireMember(added))
    },
  })
}

function mountMember(app: App, services: Services): void {
  const { access, members } = services

  resource(app, `${COLLECTION}/:member`, {
    async GET(context) {
      refuseBody(context)
      const image = await findImage(context, access)
      if (image.visibility !== 'shared') throw membersAbsent()
      return json(context, toWireMember(await findMember(context, services, image)))
    },

    async PUT(context) {
      const wanted = parseStatusChange(await readJson(context.req.raw, SMALL_JSON_BYTES))
      const image = await findImage(context, access)
      if (image.visibility !== 'shared') throw notShared('update', image.id)
      const found = await findMember(context, services, image)
      access.requireOnImage('modify_member', context.get('caller'), image, found.member)
      const status = parseMemberStatus(wanted)
      const at = Date.now()
      if (!(await members.setStatus(found, status, at))) throw memberNotFound(found.member, image)
      return json(context, toWireMember({ ...found, status, updated_at: at }))
    },

    async DELETE(context) {
      refuseBody(context)
      const image = await findImage(context, access)
      if (image.visibility !== 'shared') throw notShared('delete', image.id)
      const found = await findMember(context, services, image)
      access.requireOnImage('delete_member', context.get('caller'), image, found.member)
      if (!(await members.remove(found, Date.now()))) throw memberNotFound(found.member, image)
      return context.body(null, 204)
    },
  })
}

type ImageContext = RequestContext<'/:image_id'>
type MemberContext = RequestContext<'/:image_id/:member'>

/** Whoever may not get the image may not get at its members either [404]. */
function findImage(context: ImageContext, access: Access): Promise<FoundImage> {
  const id = context.req.param('image_id')
  return access.findFor('get_image', id, context.get('caller'), imageNotFound)
}

/** A member that the caller may see [404]. */
async function findMember(
  context: MemberContext,
  { access, members }: Services,
  image: FoundImage,
): Promise<Member> {
  const caller = context.get('caller')
  const member = context.req.param('member')
  const found = await members.find(image, member, caller)
  if (found && access.mayOnImage('get_member', caller, image, member)) return found
  throw memberNotFound(member, image)
}

/** As a 404, although every other method says 403: so does Glance. */
function membersAbsent(): HeliostatError {
  return new HeliostatError('not-found', 'Only shared images have members.')
}

function memberNotFound(member: string, { id }: FoundImage): HeliostatError {
  return new HeliostatError(
    'not-found',
    `${member} not found in the member list of the image ${id}.`,
  )
}
