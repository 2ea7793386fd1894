import { parseObject } from '../metadefs/body.ts'
import { findEntry } from '../metadefs/kinds.ts'
import { newObject } from '../metadefs/new-entry.ts'
import { refuseBadLimit } from '../metadefs/query.ts'
import { toGivenObject, toWireObject } from '../metadefs/wire.ts'
import type { Services } from '../services.ts'
import type { App } from './context.ts'
import { json } from './json.ts'
import { DEFINITION_BYTES, readJson } from './json-body.ts'
import { clearContents, NAMESPACE, namespaceFor, removeEntry } from './metadef-contents.ts'
import { refuseBody, resource } from './resource.ts'

const COLLECTION = `${NAMESPACE}/objects` as const

/** Mounts the objects of a namespace: properties that belong together. */
export function mountMetadefObjects(app: App, services: Services): void {
  mountCollection(app, services)
  mountObject(app, services)
}

function mountCollection(app: App, services: Services): void {
  resource(app, COLLECTION, {
    async GET(context) {
      refuseBadLimit(new URL(context.req.url).searchParams)
      const namespace = await namespaceFor('get_metadef_objects', context, services)
      // A list leaves out what may not be shown, which is all of it or nothing.
      const isShown = services.metadefAccess.may(
        'get_metadef_object',
        context.get('caller'),
        namespace,
      )
      const objects = isShown ? namespace.objects : []
      return json(context, {
        objects: objects.map((object) => toWireObject(namespace, object)),
        // Glance has no slash before it.
        schema: 'v2/schemas/metadefs/objects',
      })
    },

    async POST(context) {
      const given = parseObject(await readJson(context.req.raw, DEFINITION_BYTES))
      const namespace = await namespaceFor('add_metadef_object', context, services)
      const object = newObject(given, Date.now())
      await services.metadefs.add(namespace, 'objects', object)
      return json(context, toGivenObject(namespace, object), { status: 201 })
    },

    DELETE: (context) => clearContents(context, services, 'objects'),
  })
}

function mountObject(app: App, services: Services): void {
  resource(app, `${COLLECTION}/:name`, {
    async GET(context) {
      refuseBody(context)
      const namespace = await namespaceFor('get_metadef_object', context, services)
      const object = findEntry(namespace, 'objects', context.req.param('name'))
      return json(context, toWireObject(namespace, object))
    },

    async PUT(context) {
      const given = parseObject(await readJson(context.req.raw, DEFINITION_BYTES))
      const namespace = await namespaceFor('modify_metadef_object', context, services)
      const before = findEntry(namespace, 'objects', context.req.param('name'))
      const entry = newObject(given, Date.now(), before.created_at)
      await services.metadefs.replace(namespace, 'objects', { name: before.name, entry })
      return json(context, toGivenObject(namespace, entry))
    },

    DELETE(context) {
      refuseBody(context)
      return removeEntry(context, services, 'objects', 'delete_metadef_object')
    },
  })
}
