import type { PolicyAction } from '../identity/policy.ts'
import { nothingToShow } from '../metadefs/access.ts'
import { parseNamespace } from '../metadefs/body.ts'
import { refuseProtected } from '../metadefs/kinds.ts'
import { namespaceFields, newNamespace } from '../metadefs/new-entry.ts'
import { applyPrefix } from '../metadefs/prefix.ts'
import { parseNamespaceQuery } from '../metadefs/query.ts'
import {
  toListedNamespace,
  toNewNamespace,
  toWholeNamespace,
  toWireNamespace,
} from '../metadefs/wire.ts'
import { listLinks } from '../paging.ts'
import type { ContentKind, Namespace } from '../registry/metadef-contents.ts'
import type { Services } from '../services.ts'
import type { App } from './context.ts'
import { readJson } from './json-body.ts'
import { json } from './json.ts'
import { NAMESPACE, namespaceFor } from './metadef-contents.ts'
import { refuseBody, resource } from './resource.ts'
import { respond } from './respond.ts'
import { serviceRoot } from './service-root.ts'

const COLLECTION = '/v2/metadefs/namespaces'

/** What one must be allowed to do in order to create a namespace with something in it. */
const ADDING: Record<ContentKind, PolicyAction> = {
  associations: 'add_metadef_resource_type_association',
  objects: 'add_metadef_object',
  properties: 'add_metadef_property',
  tags: 'add_metadef_tag',
}

/** What a namespace shows besides itself. */
const SHOWN: PolicyAction[] = [
  'list_metadef_resource_types',
  'get_metadef_objects',
  'get_metadef_properties',
  'get_metadef_tags',
]

/** Mounts the namespaces of metadata definitions: list, create, show, replace, delete. */
export function mountMetadefNamespaces(app: App, services: Services): void {
  mountCollection(app, services)
  mountNamespace(app, services)
}

function mountCollection(app: App, { config, metadefs, metadefAccess: access }: Services): void {
  resource(app, COLLECTION, {
    async GET(context) {
      const caller = context.get('caller')
      const params = new URL(context.req.url).searchParams
      const query = parseNamespaceQuery(params, config.DEFAULT)
      access.requireList('get_metadef_namespaces', caller)
      access.requireList('list_metadef_resource_types', caller)
      const marker =
        query.marker === null ? null : await access.find(query.marker, caller, nothingToShow)
      const found = query.limit === 0 ? [] : await metadefs.list(query, caller, marker)
      const full = found.length > 0 && found.length === query.limit
      return json(context, {
        namespaces: found
          .filter((namespace) => access.may('get_metadef_namespace', caller, namespace))
          .map(toListedNamespace),
        ...listLinks(COLLECTION, params, (full && found.at(-1)?.namespace) || null),
        schema: '/v2/schemas/metadefs/namespaces',
      })
    },

    async POST(context) {
      const given = parseNamespace(await readJson(context.req.raw))
      const caller = context.get('caller')
      const namespace = newNamespace(given, caller.projectId, Date.now())
      access.requireOnSite('add_metadef_namespace', caller)
      for (const action of actionsFor(namespace)) access.requireOnSite(action, caller)
      await metadefs.create(namespace)
      const path = encodeURI(`${COLLECTION}/${namespace.namespace}`)
      return json(context, toNewNamespace(namespace), {
        status: 201,
        headers: { Location: `${serviceRoot(context.req.raw, config)}${path}` },
      })
    },
  })
}

function actionsFor(namespace: Namespace): PolicyAction[] {
  const kinds: ContentKind[] = ['associations', 'objects', 'properties', 'tags']
  return kinds.filter((kind) => namespace[kind].length > 0).map((kind) => ADDING[kind])
}

function mountNamespace(app: App, services: Services): void {
  const { metadefs, metadefAccess: access } = services

  resource(app, NAMESPACE, {
    async GET(context) {
      refuseBody(context)
      const caller = context.get('caller')
      const name = context.req.param('namespace')
      const found = await access.findFor('get_metadef_namespace', name, caller, nothingToShow)
      for (const action of SHOWN) access.requireOn(action, caller, found)
      const resourceType = context.req.query('resource_type')
      const shown = resourceType ? applyPrefix(found, resourceType) : found
      return json(context, toWholeNamespace(shown))
    },

    async PUT(context) {
      const given = parseNamespace(await readJson(context.req.raw))
      const { id, created_at } = await namespaceFor('modify_metadef_namespace', context, services)
      const fields = namespaceFields(given, context.get('caller').projectId)
      const after = { id, ...fields, created_at, updated_at: Date.now() }
      await metadefs.update(after)
      return json(context, toWireNamespace(after))
    },

    async DELETE(context) {
      refuseBody(context)
      const namespace = await namespaceFor('delete_metadef_namespace', context, services)
      refuseProtected(namespace)
      await metadefs.delete(namespace)
      return respond(context, null, 204)
    },
  })
}
