import { parseTag, parseTags } from '../metadefs/body.ts'
import { findEntry } from '../metadefs/kinds.ts'
import { newTag } from '../metadefs/new-entry.ts'
import { pageOfTags } from '../metadefs/query.ts'
import { toWireTag } from '../metadefs/wire.ts'
import type { Services } from '../services.ts'
import type { App } from './context.ts'
import { json } from './json.ts'
import { readJson, SMALL_JSON_BYTES } from './json-body.ts'
import { clearContents, NAMESPACE, namespaceFor, removeEntry } from './metadef-contents.ts'
import { refuseBody, resource } from './resource.ts'

const COLLECTION = `${NAMESPACE}/tags` as const

/** What oslo.utils takes for true. */
const TRUE = /^\s*(1|t|true|on|y|yes)\s*$/i

/** Mounts the tags of a namespace, one and all. */
export function mountMetadefTags(app: App, services: Services): void {
  mountCollection(app, services)
  mountTag(app, services)
}

function mountCollection(app: App, services: Services): void {
  const { metadefs } = services

  resource(app, COLLECTION, {
    async GET(context) {
      const { tags } = await namespaceFor('get_metadef_tags', context, services)
      const page = pageOfTags(tags, new URL(context.req.url).searchParams)
      return json(context, { tags: page.map(({ name }) => ({ name })) })
    },

    async POST(context) {
      const given = parseTags(await readJson(context.req.raw))
      const namespace = await namespaceFor('add_metadef_tags', context, services)
      const now = Date.now()
      const tags = given.tags.map(({ name }) => newTag(name, now))
      const append = TRUE.test(context.req.header('X-Openstack-Append') ?? '')
      // No tags are no wish to be without any.
      if (tags.length > 0) await metadefs.setTags(namespace, tags, append)
      return json(context, given, { status: 201 })
    },

    DELETE: (context) => clearContents(context, services, 'tags', 'delete_metadef_tags'),
  })
}

function mountTag(app: App, services: Services): void {
  const { metadefs, metadefAccess: access } = services

  resource(app, `${COLLECTION}/:name`, {
    async GET(context) {
      refuseBody(context)
      const namespace = await namespaceFor('get_metadef_tag', context, services)
      return json(context, toWireTag(findEntry(namespace, 'tags', context.req.param('name'))))
    },

    async POST(context) {
      refuseBody(context)
      const caller = context.get('caller')
      const namespace = await access.find(context.req.param('namespace'), caller)
      const { name } = parseTag({ name: context.req.param('name') })
      access.requireOn('add_metadef_tag', caller, namespace)
      const tag = newTag(name, Date.now())
      await metadefs.add(namespace, 'tags', tag)
      return json(context, toWireTag(tag), { status: 201 })
    },

    async PUT(context) {
      const given = parseTag(await readJson(context.req.raw, SMALL_JSON_BYTES))
      const namespace = await namespaceFor('modify_metadef_tag', context, services)
      const before = findEntry(namespace, 'tags', context.req.param('name'))
      const entry = newTag(given.name, Date.now(), before.created_at)
      await metadefs.replace(namespace, 'tags', { name: before.name, entry })
      return json(context, toWireTag(entry))
    },

    DELETE(context) {
      refuseBody(context)
      return removeEntry(context, services, 'tags', 'delete_metadef_tag')
    },
  })
}
