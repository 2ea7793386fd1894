import { HeliostatError } from '../errors.ts'
import type { Caller } from '../identity/caller.ts'
import { type Access, imageNotFound } from '../images/access.ts'
import type { FoundImage } from '../images/image.ts'
import { parseMemberStatus, parseNewMember, parseStatusChange } from '../images/member-body.ts'
import { membersRefused, toWireMember } from '../images/members.ts'
import type { Services } from '../services.ts'
import type { App, RequestContext } from './context.ts'
import { json } from './json.ts'
import { readJson, SMALL_JSON_BYTES } from './json-body.ts'
import { refuseBody, resource } from './resource.ts'
import { respond } from './respond.ts'

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
      if (image.visibility !== 'shared') throw membersRefused('list', image.id)
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
      if (image.visibility !== 'shared') throw membersRefused('create', image.id)
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
      const caller = context.get('caller')
      const name = context.req.param('member')
      const found = await members.find(image, name, caller)
      const isShown = access.mayOnImage('get_member', caller, image, name)
      if (!found || !isShown) throw memberNotFound(name, image)
      return json(context, toWireMember(found))
    },

    async PUT(context) {
      const wanted = parseStatusChange(await readJson(context.req.raw, SMALL_JSON_BYTES))
      const image = await findImage(context, access)
      if (image.visibility !== 'shared') throw membersRefused('update', image.id)
      const caller = context.get('caller')
      const name = context.req.param('member')
      access.requireOnImage('get_member', caller, image)
      const found = await members.find(image, name, caller)
      if (!found && !mayAnswer(name, image, caller)) throw membersRefused('update', image.id)
      if (!found) throw memberNotFound(name, image)
      access.requireOnImage('modify_member', caller, image, name)
      const status = parseMemberStatus(wanted)
      const at = Date.now()
      if (!(await members.setStatus(found, status, at))) throw memberNotFound(name, image)
      return json(context, toWireMember({ ...found, status, updated_at: at }))
    },

    async DELETE(context) {
      refuseBody(context)
      const image = await findImage(context, access)
      if (image.visibility !== 'shared') throw membersRefused('delete', image.id)
      const caller = context.get('caller')
      const name = context.req.param('member')
      access.requireOnImage('get_member', caller, image)
      const found = await members.find(image, name, caller)
      if (!found) throw memberNotFound(name, image)
      access.requireOnImage('delete_member', caller, image, name)
      if (!(await members.remove(found, Date.now()))) throw memberNotFound(name, image)
      return respond(context, null, 204)
    },
  })

  /** Whether the caller is told that there is no such member; the owner hears first that it is not for him to answer. */
  function mayAnswer(name: string, image: FoundImage, caller: Caller): boolean {
    const isOwner = image.owner !== null && image.owner === caller.projectId
    return !isOwner || access.mayOnImage('modify_member', caller, image, name)
  }
}

type ImageContext = RequestContext<'/:image_id'>

/** Whoever may not get the image may not get at its members either [404]. */
function findImage(context: ImageContext, access: Access): Promise<FoundImage> {
  const id = context.req.param('image_id')
  return access.findFor('get_image', id, context.get('caller'), imageNotFound)
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
