import type { Config } from '../config.ts'
import { HeliostatError } from '../errors.ts'
import { type Caller, tokenOf } from '../identity/caller.ts'
import type { FoundImage } from '../images/image.ts'
import type { NewImport } from '../imports/beginning.ts'
import {
  type ImportRequest,
  parseGlanceDownload,
  parseImport,
  parseWebDownload,
} from '../imports/request.ts'
import { notStaged } from '../imports/importer.ts'
import { chooseStores } from '../imports/targets.ts'
import { refuseUnfiltered } from '../imports/web-download.ts'
import type { Services } from '../services.ts'
import type { App, RequestContext } from './context.ts'
import { readJson, SMALL_JSON_BYTES } from './json-body.ts'
import { json } from './json.ts'
import { refuseBody, resource } from './resource.ts'
import { respond } from './respond.ts'
import { takeStaged } from './upload.ts'

/** Mounts staging and import, which go on in the background. */
export function mountImageImport(app: App, services: Services): void {
  const { config, access, importer, limits } = services

  resource(app, '/v2/info/import', {
    GET(context) {
      refuseBody(context)
      return json(context, { 'import-methods': describeMethods(config) })
    },
  })

  resource(app, '/v2/images/:image_id/stage', {
    async PUT(context) {
      requireMethod(config, 'glance-direct')
      await takeStaged(services, context, context.req.param('image_id'))
      return respond(context, null, 204)
    },
  })

  resource(app, '/v2/images/:image_id/import', {
    async POST(context) {
      const body = await readJson(context.req.raw, SMALL_JSON_BYTES)
      const request = parseImport(body, config.DEFAULT.enabled_import_methods)
      const caller = context.get('caller')
      await limits.refuseMore('image_size_total', caller.projectId, 0)
      const image = await access.find(context.req.param('image_id'), caller)
      refuseStatus(image, request)
      refuseMissingFormats(image)
      if (request.name === 'glance-download') parseGlanceDownload(request)
      const action = request.name === 'copy-image' ? 'copy_image' : 'modify_image'
      access.requireOnImage(action, caller, image)
      await importer.refuseLocked(image.id)
      if (request.name !== 'copy-image') services.plugins.refuseMissing(image)
      const header = context.req.header('X-Image-Meta-Store') ?? null
      const stores = chooseStores(services.stores, request, { header, image })
      if (stores.length === 0) return respond(context, null, 202)
      if (request.name === 'web-download') {
        refuseUnfiltered(services.addressFilter, parseWebDownload(request).uri)
      }
      const token = tokenOf(context.req.raw.headers)
      await importer.begin(newImport(services, context, { body, request, image, stores }), token)
      return respond(context, null, 202)
    },
  })
}

function describeMethods({ DEFAULT }: Config) {
  return {
    description: 'Import methods available.',
    type: 'array',
    value: DEFAULT.enabled_import_methods,
  }
}

function requireMethod({ DEFAULT }: Config, name: string): void {
  if (DEFAULT.enabled_import_methods.includes(name)) return
  throw new HeliostatError('not-found', `Import method ${name} is not enabled at this site`)
}

function refuseStatus({ status }: FoundImage, { name }: ImportRequest): void {
  if (status === 'active' && name !== 'copy-image') {
    throw conflict('Image with status active cannot be target for import')
  }
  if (status !== 'active' && name === 'copy-image') {
    throw conflict('Only images with status active can be targeted for copying')
  }
  if (status !== 'queued' && (name === 'web-download' || name === 'glance-download')) {
    throw conflict(`Image needs to be in 'queued' state to use '${name}' method`)
  }
  if (status !== 'uploading' && name === 'glance-direct') {
    throw notStaged()
  }
}

function refuseMissingFormats(image: FoundImage): void {
  const missing = (['container_format', 'disk_format'] as const).find((name) => !image[name])
  if (missing) throw conflict(`'${missing}' needs to be set before import`)
}

interface Accepted {
  body: unknown
  request: ImportRequest
  image: FoundImage
  /** Their ids. */
  stores: string[]
}

function newImport(
  { config, stores: { areNamed } }: Services,
  context: RequestContext,
  { body, request, image, stores }: Accepted,
): NewImport {
  const caller = context.get('caller')
  const named = areNamed ? stores : []
  const isCopy = request.name === 'copy-image'
  return {
    task: {
      id: crypto.randomUUID(),
      type: 'api_image_import',
      owner: caller.projectId,
      request_id: context.get('requestId'),
      user_id: caller.userId,
      input: { image_id: image.id, import_req: body, backend: named },
    },
    imageId: image.id,
    from: image.status,
    during: isCopy ? image.status : 'importing',
    isStaged: request.name === 'glance-direct',
    progress: { pending: named, failed: [] },
    properties: isCopy ? {} : injectedProperties(config, caller),
  }
}

/** What the operator has given to all images that are imported by others than some. */
export function injectedProperties(config: Config, { roles }: Caller): Record<string, string> {
  const { inject, ignore_user_roles: ignored } = config.inject_metadata_properties
  const isOn = config.image_import_opts.image_import_plugins.includes('inject_image_metadata')
  const isIgnored = ignored.some((role) => roles.includes(role.toLowerCase()))
  return isOn && !isIgnored ? inject : {}
}

function conflict(message: string): HeliostatError {
  return new HeliostatError('conflict', message)
}
