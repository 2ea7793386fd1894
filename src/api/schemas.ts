import type { Services } from '../services.ts'
import type { App } from './context.ts'
import { json } from './json.ts'
import { refuseBody, resource } from './resource.ts'

/** Mounts the JSON Schemas, which clients fetch to tell base properties from custom ones. */
export function mountSchemas(app: App, { definition }: Services): void {
  resource(app, '/v2/schemas/image', {
    GET(context) {
      refuseBody(context)
      return json(context, definition.jsonSchema)
    },
  })
  resource(app, '/v2/schemas/images', {
    GET(context) {
      refuseBody(context)
      return json(context, definition.listJsonSchema)
    },
  })
}
