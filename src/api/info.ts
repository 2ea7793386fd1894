import { HeliostatError } from '../errors.ts'
import { standardSentence } from '../http/error-body.ts'
import type { Services } from '../services.ts'
import { isReadOnly, type Store, type Stores } from '../stores/store.ts'
import type { App } from './context.ts'
import { json } from './json.ts'
import { refuseBody } from './resource.ts'

/** Mounts what callers may learn of the service: the limits of their project, and the stores. */
export function mountInfo(app: App, { limits, stores, access }: Services): void {
  for (const path of ['usage', 'stores', 'stores/detail']) {
    // Glance knows no other method here, not even as one that is refused.
    app.use(`/v2/info/${path}`, async function hideFromOtherMethods(context, next) {
      if (['GET', 'HEAD'].includes(context.req.method)) return next()
      throw new HeliostatError('not-found', standardSentence(404) ?? '')
    })
  }

  app.get('/v2/info/usage', async (context) =>
    json(context, { usage: await limits.usageOf(context.get('caller').projectId) }),
  )

  app.get('/v2/info/stores', (context) => {
    refuseBody(context)
    requireNames(stores)
    return json(context, { stores: stores.all.map(toEntry) })
  })

  app.get('/v2/info/stores/detail', async (context) => {
    refuseBody(context)
    requireNames(stores)
    access.requireOnSite('stores_info_detail', context.get('caller'))
    return json(context, { stores: await Promise.all(stores.all.map(toDetail)) })
  })
}

function requireNames({ areNamed }: Stores): void {
  if (areNamed) return
  throw new HeliostatError('not-found', 'Multi backend is not supported at this site.')
}

/** What is so is told in a text; what is not so is left out. */
function toEntry(store: Store) {
  const { id, description, isDefault } = store
  return {
    id,
    ...(description !== null && { description }),
    ...(isDefault && { default: 'true' }),
    ...(isReadOnly(store) && { 'read-only': 'true' }),
  }
}

async function toDetail(store: Store) {
  // One that does not answer has properties that nobody can tell.
  const properties = await store.properties().catch(() => ({}))
  return { ...toEntry(store), type: store.kind, weight: store.weight, properties }
}
