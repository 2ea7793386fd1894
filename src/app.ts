import { Hono } from 'hono'
import { accessLog } from './api/access-log.ts'
import { mountActions } from './api/actions.ts'
import { requireCaller } from './api/caller.ts'
import type { App, Env } from './api/context.ts'
import { answerError, answerUnknownPath } from './api/error-boundary.ts'
import { mountHealth } from './api/health.ts'
import { mountImageData } from './api/image-data.ts'
import { mountImages } from './api/images.ts'
import { refuseUndecodable } from './api/undecodable.ts'
import { mountMirror } from './api/mirror.ts'
import { refuseWrites } from './api/read-only.ts'
import { assignRequestId } from './api/request-id.ts'
import { mountSchemas } from './api/schemas.ts'
import { mountTags } from './api/tags.ts'
import { mountVersions, routePath } from './api/versions.ts'
import type { Services } from './services.ts'

/** The service: the same routes on every runtime. */
export function createApp(services: Services): App {
  const { config, identify, isDisabled } = services
  const app: App = new Hono<Env>({ getPath: routePath })
  app.onError(answerError)
  app.notFound(answerUnknownPath)

  app.use(accessLog)
  mountHealth(app, isDisabled)
  mountVersions(app, config.DEFAULT.public_endpoint)

  mountMirror(app, services)

  app.use('/v2/*', assignRequestId(config.DEFAULT.max_request_id_length))
  app.use('/v2/*', refuseUndecodable)
  app.use('/v2/*', requireCaller(identify))
  if (services.origin !== null) app.use('/v2/*', refuseWrites(services.origin))
  mountImages(app, services)
  mountImageData(app, services)
  mountActions(app, services)
  mountTags(app, services)
  mountSchemas(app, services)
  return app
}
