import { parseProperty } from '../metadefs/body.ts'
import { findEntry } from '../metadefs/kinds.ts'
import { newProperty } from '../metadefs/new-entry.ts'
import { removePrefix } from '../metadefs/prefix.ts'
import { toListedProperties, toWireProperty } from '../metadefs/wire.ts'
import type { Services } from '../services.ts'
import type { App } from './context.ts'
import { json } from './json.ts'
import { DEFINITION_BYTES, readJson } from './json-body.ts'
import { clearContents, NAMESPACE, namespaceFor, removeEntry } from './metadef-contents.ts'
import { refuseBody, resource } from './resource.ts'

const COLLECTION = `${NAMESPACE}/properties` as const

/** Mounts the properties of a namespace. */
export function mountMetadefProperties(app: App, services: Services): void {
  mountCollection(app, services)
  mountProperty(app, services)
}

function mountCollection(app: App, services: Services): void {
  resource(app, COLLECTION, {
    async GET(context) {
      refuseBody(context)
      const { properties } = await namespaceFor('get_metadef_properties', context, services)
      return json(context, { properties: toListedProperties(properties) })
    },

    async POST(context) {
      const given = parseProperty(await readJson(context.req.raw, DEFINITION_BYTES))
      const namespace = await namespaceFor('add_metadef_property', context, services)
      const property = newProperty(given, Date.now())
      await services.metadefs.add(namespace, 'properties', property)
      return json(context, toWireProperty(property), { status: 201 })
    },

    DELETE: (context) => clearContents(context, services, 'properties'),
  })
}

function mountProperty(app: App, services: Services): void {
  const { metadefs, metadefAccess: access } = services

  resource(app, `${COLLECTION}/:name`, {
    async GET(context) {
      const namespace = await namespaceFor('get_metadef_property', context, services)
      const resourceType = context.req.query('resource_type')
      let name = context.req.param('name')
      if (resourceType) {
        access.requireOn('get_metadef_resource_type', context.get('caller'), namespace)
        name = removePrefix(namespace, resourceType, name)
      }
      return json(context, toWireProperty(findEntry(namespace, 'properties', name)))
    },

    async PUT(context) {
      const given = parseProperty(await readJson(context.req.raw, DEFINITION_BYTES))
      const namespace = await namespaceFor('modify_metadef_property', context, services)
      const before = findEntry(namespace, 'properties', context.req.param('name'))
      const entry = newProperty(given, Date.now(), before.created_at)
      await metadefs.replace(namespace, 'properties', { name: before.name, entry })
      return json(context, toWireProperty(entry))
    },

    DELETE: (context) => removeEntry(context, services, 'properties', 'remove_metadef_property'),
  })
}
