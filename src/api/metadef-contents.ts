/** What the routes within a namespace of metadata definitions have in common. */
import type { PolicyAction } from '../identity/policy.ts'
import { findEntry, refuseProtected } from '../metadefs/kinds.ts'
import type { ContentKind, Namespace } from '../registry/metadef-contents.ts'
import type { Services } from '../services.ts'
import type { RequestContext } from './context.ts'
import { respond } from './respond.ts'

export const NAMESPACE = '/v2/metadefs/namespaces/:namespace'

/** The namespace in the path, in which the caller may take the action [404, 403]. */
export function namespaceFor(
  action: PolicyAction,
  context: RequestContext<'/:namespace'>,
  { metadefAccess }: Pick<Services, 'metadefAccess'>,
): Promise<Namespace> {
  return metadefAccess.findFor(action, context.req.param('namespace'), context.get('caller'))
}

/** Answers the DELETE of a whole collection, which is for those who may delete the namespace, and this besides. */
export async function clearContents(
  context: RequestContext<'/:namespace'>,
  services: Services,
  kind: ContentKind,
  action: PolicyAction = 'delete_metadef_namespace',
): Promise<Response> {
  const namespace = await namespaceFor('delete_metadef_namespace', context, services)
  services.metadefAccess.requireOn(action, context.get('caller'), namespace)
  refuseProtected(namespace)
  await services.metadefs.clear(namespace, kind)
  return respond(context, null, 204)
}

/** Answers the DELETE of one entry. */
export async function removeEntry(
  context: RequestContext<'/:namespace/:name'>,
  services: Services,
  kind: ContentKind,
  action: PolicyAction,
): Promise<Response> {
  const namespace = await namespaceFor(action, context, services)
  const name = context.req.param('name')
  findEntry(namespace, kind, name)
  refuseProtected(namespace, kind, name)
  await services.metadefs.remove(namespace, kind, name)
  return respond(context, null, 204)
}
