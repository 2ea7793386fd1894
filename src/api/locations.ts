import { HeliostatError } from '../errors.ts'
import type { Caller } from '../identity/caller.ts'
import { parseAddition, refuseUnsound } from '../images/locations/request.ts'
import type { Services } from '../services.ts'
import type { App } from './context.ts'
import { readJson, SMALL_JSON_BYTES } from './json-body.ts'
import { json } from './json.ts'
import { refuseBody, resource } from './resource.ts'
import { respond } from './respond.ts'

/** Mounts the locations of an image, for services that store images by themselves. */
export function mountLocations(app: App, services: Services): void {
  const { access, locationView, registerLocation, locationReader } = services

  resource(app, '/v2/images/:image_id/locations', {
    async GET(context) {
      refuseBody(context)
      const caller = context.get('caller')
      const id = context.req.param('image_id')
      const image = await access.findFor('fetch_image_location', id, caller)
      return json(context, locationView.allOf(image))
    },

    async POST(context) {
      const { url, hash } = parseAddition(await readJson(context.req.raw, SMALL_JSON_BYTES))
      const caller = context.get('caller')
      const image = await access.find(context.req.param('image_id'), caller)
      if (image.status !== 'queued') {
        throw new HeliostatError(
          'conflict',
          `It's not allowed to add locations if image status is ${image.status}.`,
        )
      }
      access.requireOnImage('add_image_location', caller, image)
      requireService(services, caller, url)
      if (hash) refuseUnsound(hash, 'invalid')
      const registration = { url, metadata: {}, hash, checksum: null, verifiesFirst: true }
      await registerLocation(image, caller, registration)
      locationReader.readSoon()
      return respond(context, null, 202)
    },
  })
}

/** Users may name what lies behind HTTP, where that is a store; all else is for services. */
function requireService({ stores }: Services, caller: Caller, url: string): void {
  if ([...caller.roles, ...caller.serviceRoles].includes('service')) return
  const hasHttp = stores.all.some(({ kind }) => kind === 'http')
  if (hasHttp && /^https?:\/\//i.test(url)) return
  throw new HeliostatError(
    'forbidden',
    'http store must be enabled to use location API by normal user.',
  )
}
