import { Hono } from 'hono'
import { accessLog } from './api/access-log.ts'
import { mountActions } from './api/actions.ts'
import { mountCache } from './api/cache.ts'
import { requireCaller } from './api/caller.ts'
import type { App, Env } from './api/context.ts'
import { allowOrigins } from './api/cors.ts'
import { answerError, answerUnknownPath } from './api/error-boundary.ts'
import { mountHealth } from './api/health.ts'
import { mountImageData } from './api/image-data.ts'
import { mountImageImport } from './api/image-import.ts'
import { mountImages } from './api/images.ts'
import { mountInfo } from './api/info.ts'
import { mountLegacyCache } from './api/legacy-cache.ts'
import { refuseUndecodable } from './api/undecodable.ts'
import { mountLocations } from './api/locations.ts'
import { mountMembers } from './api/members.ts'
import { mountMetadefNamespaces } from './api/metadef-namespaces.ts'
import { mountMetadefObjects } from './api/metadef-objects.ts'
import { mountMetadefProperties } from './api/metadef-properties.ts'
import { mountMetadefResourceTypes } from './api/metadef-resource-types.ts'
import { mountMetadefTags } from './api/metadef-tags.ts'
import { countRequests, mountMetrics } from './api/metrics.ts'
import { mountMirror } from './api/mirror.ts'
import { mountMirrorStatus } from './api/mirror-status.ts'
import { refuseWrites } from './api/read-only.ts'
import { mountReadiness } from './api/readiness.ts'
import { assignRequestId } from './api/request-id.ts'
import { createRouter } from './api/router.ts'
import { requireSnapshot } from './api/unsynced.ts'
import { mountSchemas } from './api/schemas.ts'
import { mountStores } from './api/stores.ts'
import { mountTags } from './api/tags.ts'
import { mountTasks } from './api/tasks.ts'
import { createRoutePath, mountVersions, versionsOf } from './api/versions.ts'
import type { Services } from './services.ts'

/** The service: the same routes on every runtime. */
export function createApp(services: Services): App {
  const { config, isDisabled, metrics } = services
  const versions = versionsOf({
    hasCache: services.cache !== null,
    hasStores: services.stores.areNamed,
  })
  const app: App = new Hono<Env>({ getPath: createRoutePath(versions), router: createRouter() })
  app.onError(answerError)
  app.notFound(answerUnknownPath)

  app.use(accessLog)
  if (metrics) app.use(countRequests(metrics))
  mountHealth(app, isDisabled)
  mountReadiness(app, services.readiness)
  if (metrics) mountMetrics(app, metrics)
  if (config.cors.allowed_origin.length > 0) app.use(allowOrigins(config.cors))
  mountVersions(app, versions, config)

  mountMirror(app, services)
  mountMirrorStatus(app, services)

  app.use('/v2/*', assignRequestId(config.DEFAULT.max_request_id_length))
  app.use('/v2/*', refuseUndecodable)
  app.use('/v2/*', requireCaller(services))
  if (services.edge) app.use('/v2/*', requireSnapshot(services.edge))
  if (services.origin !== null) app.use('/v2/*', refuseWrites(services.origin))
  mountImages(app, services)
  mountImageData(app, services)
  mountImageImport(app, services)
  mountStores(app, services)
  mountLocations(app, services)
  mountActions(app, services)
  mountTags(app, services)
  mountMembers(app, services)
  mountTasks(app, services)
  mountMetadefNamespaces(app, services)
  mountMetadefObjects(app, services)
  mountMetadefProperties(app, services)
  mountMetadefTags(app, services)
  mountMetadefResourceTypes(app, services)
  mountSchemas(app, services)
  mountInfo(app, services)
  mountCache(app, services)
  mountLegacyCache(app, services)
  return app
}
