import { METADEF_SCHEMAS } from '../../schema/metadef-documents.ts'
import { memberJsonSchema, memberListJsonSchema } from '../../schema/member.ts'
import { taskJsonSchema, taskListJsonSchema } from '../../schema/task.ts'
import type { Services } from '../services.ts'
import type { App } from './context.ts'
import { json } from './json.ts'
import { refuseBody, resource } from './resource.ts'

/** Mounts the JSON Schemas, which clients fetch to tell base properties from custom ones. */
export function mountSchemas(app: App, { definition }: Services): void {
  const schemas = {
    image: definition.jsonSchema,
    images: definition.listJsonSchema,
    member: memberJsonSchema,
    members: memberListJsonSchema,
    ...metadefSchemas(),
  }
  for (const [name, schema] of Object.entries(schemas)) {
    resource(app, `/v2/schemas/${name}`, {
      GET(context) {
        refuseBody(context)
        return json(context, schema)
      },
    })
  }

  // These two have never minded a body.
  resource(app, '/v2/schemas/task', { GET: (context) => json(context, taskJsonSchema) })
  resource(app, '/v2/schemas/tasks', { GET: (context) => json(context, taskListJsonSchema) })
}

function metadefSchemas() {
  return Object.fromEntries(
    Object.entries(METADEF_SCHEMAS).map(([name, schema]) => [`metadefs/${name}`, schema]),
  )
}
