import type { MiddlewareHandler } from 'hono'
import { createMiddleware } from 'hono/factory'
import { routePath } from 'hono/route'
import type { Metrics } from '../services.ts'
import type { App, Env } from './context.ts'
import { respond } from './respond.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Mounts `/metrics`, for Prometheus. No identity is asked for. */
export function mountMetrics(app: App, metrics: Metrics): void {
  app.get('/metrics', async (context) => {
    const { contentType, text } = await metrics.render()
    return respond(context, text, 200, {
      'Content-Type': contentType,
      'Cache-Control': 'no-store',
    })
  })
}

/** Counts and times each request by the route that it took, never by its path: that would be a series for each image. */
export function countRequests(metrics: Metrics): MiddlewareHandler<Env> {
  return createMiddleware<Env>(async function countRequestsMiddleware(context, next) {
    const startedAt = performance.now()
    await next()
    const { method } = context.req
    metrics.countRequest({
      // A client may send any word as its method.
      method: METHODS.includes(method) ? method : 'other',
      route: routePath(context, -1),
      status: context.res.status,
      seconds: (performance.now() - startedAt) / 1000,
    })
  })
}
