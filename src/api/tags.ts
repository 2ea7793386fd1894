import { HeliostatError } from '../errors.ts'
import { standardSentence } from '../http/error-body.ts'
import { imageNotFound } from '../images/access.ts'
import { schemaMismatch } from '../images/attributes.ts'
import { refuseUnstorableText } from '../images/characters.ts'
import { refuseOverQuota } from '../images/quota.ts'
import type { Services } from '../services.ts'
import type { App } from './context.ts'
import { refuseBody, resource } from './resource.ts'
import { respond } from './respond.ts'

const MAX_TAG = 255

/** Mounts the tags of an image, one a path. */
export function mountTags(app: App, { config, images, access }: Services): void {
  resource(app, '/v2/images/:image_id/tags/:tag', {
    async PUT(context) {
      refuseBody(context)
      const caller = context.get('caller')
      const tag = context.req.param('tag')
      refuseLongTag(tag)
      refuseUnstorableText('tag', tag)
      const id = context.req.param('image_id')
      const image = await access.findFor('modify_image', id, caller, imageNotFound)
      const tags = [...new Set([...image.tags, tag])]
      refuseOverQuota({ ...image, tags }, config.DEFAULT, image)
      if (!(await images.addTag(image.id, tag, Date.now()))) throw imageNotFound(id)
      return respond(context, null, 204)
    },

    async DELETE(context) {
      refuseBody(context)
      const caller = context.get('caller')
      const tag = context.req.param('tag')
      const id = context.req.param('image_id')
      const image = await access.findFor('modify_image', id, caller, imageNotFound)
      if (await images.removeTag(image.id, tag, Date.now())) return respond(context, null, 204)
      throw new HeliostatError('not-found', standardSentence(404) ?? '')
    },
  })
}

function refuseLongTag(tag: string): void {
  if (tag.length <= MAX_TAG) return
  throw schemaMismatch(`tags: got ${tag.length} characters, wanted at most ${MAX_TAG}`)
}
