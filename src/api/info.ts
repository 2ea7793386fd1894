import { HeliostatError } from '../errors.ts'
import { standardSentence } from '../http/error-body.ts'
import type { Services } from '../services.ts'
import type { App } from './context.ts'
import { json } from './json.ts'

const USAGE = '/v2/info/usage'

/** Mounts what callers may learn of the service: the limits of their project. No policy guards it. */
export function mountInfo(app: App, { limits }: Services): void {
  // Glance knows no other method here, not even as one that is refused.
  app.use(USAGE, async function hideFromOtherMethods(context, next) {
    if (['GET', 'HEAD'].includes(context.req.method)) return next()
    throw new HeliostatError('not-found', standardSentence(404) ?? '')
  })
  app.get(USAGE, async (context) =>
    json(context, { usage: await limits.usageOf(context.get('caller').projectId) }),
  )
}
