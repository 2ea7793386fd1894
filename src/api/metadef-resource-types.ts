import { parseAssociation } from '../metadefs/body.ts'
import { newAssociation } from '../metadefs/new-entry.ts'
import { toWireAssociation, toWireResourceType } from '../metadefs/wire.ts'
import type { Services } from '../services.ts'
import type { App } from './context.ts'
import { json } from './json.ts'
import { readJson, SMALL_JSON_BYTES } from './json-body.ts'
import { NAMESPACE, namespaceFor, removeEntry } from './metadef-contents.ts'
import { refuseBody, resource } from './resource.ts'

/** Mounts the resource types, and which of them a namespace is for. */
export function mountMetadefResourceTypes(app: App, services: Services): void {
  const { metadefs, metadefAccess: access } = services

  resource(app, '/v2/metadefs/resource_types', {
    async GET(context) {
      refuseBody(context)
      access.requireList('list_metadef_resource_types', context.get('caller'))
      const types = await metadefs.resourceTypes()
      return json(context, { resource_types: types.map(toWireResourceType) })
    },
  })

  resource(app, `${NAMESPACE}/resource_types`, {
    async GET(context) {
      refuseBody(context)
      const namespace = await namespaceFor('list_metadef_resource_types', context, services)
      // A list leaves out what may not be shown, which is all of it or nothing.
      const isShown = access.may('get_metadef_resource_type', context.get('caller'), namespace)
      const shown = isShown ? namespace.associations : []
      return json(context, { resource_type_associations: shown.map(toWireAssociation) })
    },

    async POST(context) {
      const given = parseAssociation(await readJson(context.req.raw, SMALL_JSON_BYTES))
      const action = 'add_metadef_resource_type_association'
      const namespace = await namespaceFor(action, context, services)
      const association = newAssociation(given, Date.now())
      await metadefs.add(namespace, 'associations', association)
      return json(context, toWireAssociation(association), { status: 201 })
    },
  })

  resource(app, `${NAMESPACE}/resource_types/:name`, {
    DELETE(context) {
      refuseBody(context)
      const action = 'remove_metadef_resource_type_association'
      return removeEntry(context, services, 'associations', action)
    },
  })
}
