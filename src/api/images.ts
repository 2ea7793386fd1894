import { HeliostatError } from '../errors.ts'
import { mediaType } from '../http/media-type.ts'
import type { Caller } from '../identity/caller.ts'
import { type Access, changedMeanwhile, nothingToDelete } from '../images/access.ts'
import { type Attributes, createAttributes } from '../images/attributes.ts'
import type { FoundImage, Image } from '../images/image.ts'
import { parseListQuery } from '../images/list/query.ts'
import {
  ACCEPT_PATCH,
  parsePatch,
  PATCH_MEDIA_TYPES,
  type PatchOperation,
} from '../images/patch-body.ts'
import { applyPatch } from '../images/patch.ts'
import { refuseOverQuota } from '../images/quota.ts'
import type { ImageRepo } from '../images/repo.ts'
import { rebased } from '../images/rows.ts'
import { canSee } from '../images/visibility.ts'
import { listLinks } from '../paging.ts'
import type { Services } from '../services.ts'
import { refuseInUse } from '../stores/in-use.ts'
import { createRecord } from './new-record.ts'
import type { App } from './context.ts'
import { readJson } from './json-body.ts'
import { jsonText } from './json.ts'
import { refuseBody, resource } from './resource.ts'
import { respond } from './respond.ts'
import { serviceRoot } from './service-root.ts'
import { createShownImages } from './shown-image.ts'

const COLLECTION = '/v2/images'
const EMPTY = { images: [], isFull: false }

/** Mounts the image records: list, create, show, patch, delete. */
export function mountImages(app: App, services: Services): void {
  const attributes = createAttributes(services.definition)
  mountCollection(app, services, attributes)
  mountImage(app, services, attributes)
}

function mountCollection(app: App, services: Services, attributes: Attributes): void {
  const { config, images, access, protection, stores } = services
  const shown = createShownImages(services)

  resource(app, COLLECTION, {
    async GET(context) {
      const caller = context.get('caller')
      const params = new URL(context.req.url).searchParams
      const query = parseListQuery(params, config.DEFAULT)
      access.requireList('get_images', caller)
      const marker = query.marker === null ? null : await findMarker(images, query.marker, caller)
      const isEmpty = protection.hidesTerm(query.filters.terms, caller)
      const page = isEmpty ? EMPTY : await images.list(query, caller, marker)
      const visible = page.images.filter((image) => access.mayOnImage('get_image', caller, image))
      // Where a rule hides a whole page the walk still has to go on behind it.
      const last = page.isFull ? (visible.at(-1) ?? page.images.at(-1)) : undefined
      const texts = visible.map((image) => shown.found(image, caller))
      const others = {
        ...listLinks(COLLECTION, params, last?.id ?? null),
        schema: '/v2/schemas/images',
      }
      const rest = JSON.stringify(others).slice(1)
      return jsonText(context, `{"images":[${texts.join(',')}],${rest}`)
    },

    async POST(context) {
      const given = attributes.parseNew(await readJson(context.req.raw))
      const caller = context.get('caller')
      const image = await createRecord(services, given, caller)
      const names = stores.all.map(({ id }) => id).join(',')
      return jsonText(context, shown.changed(image, caller, []), {
        status: 201,
        headers: {
          Location: `${serviceRoot(context.req.raw, config)}${COLLECTION}/${image.id}`,
          'OpenStack-image-import-methods': config.DEFAULT.enabled_import_methods.join(','),
          ...(stores.areNamed && { 'OpenStack-image-store-ids': names }),
        },
      })
    },
  })
}

function mountImage(app: App, services: Services, attributes: Attributes): void {
  const { config, images, access, protection, patchLocations, locationReader } = services
  const shown = createShownImages(services)

  resource(app, `${COLLECTION}/:image_id`, {
    async GET(context) {
      refuseBody(context)
      const caller = context.get('caller')
      const id = context.req.param('image_id')
      const image = await access.findFor('get_image', id, caller)
      return jsonText(context, shown.found(image, caller))
    },

    async PATCH(context) {
      const dialect = PATCH_MEDIA_TYPES[mediaType(context.req.header('Content-Type') ?? null)]
      if (!dialect) throw notAPatch(context.req.header('Content-Type'))
      const body = await readJson(context.req.raw)
      const operations = parsePatch(dialect, body, attributes.parseValue)
      const caller = context.get('caller')
      const id = context.req.param('image_id')
      const image = await access.findFor('modify_image', id, caller)
      authorizeLocations(access, operations, { caller, image })
      if (operations.length === 0) return jsonText(context, shown.found(image, caller))
      const [locations, others] = splitOperations(operations, config)
      const patched = applyPatch(image, others, {
        dialect,
        isAdmin: caller.isAdmin,
        authorizeVisibility: (visibility) => access.requireVisibility(visibility, caller, image),
        allows: (operation, name) => protection.allows(operation, name, caller),
      })
      refuseOverQuota(patched, config.DEFAULT, image)
      const after = { ...patched, updated_at: Date.now() }
      if (!(await images.update(image, after, config.DEFAULT))) {
        const now = await access.findFor('modify_image', id, caller)
        refuseOverQuota(rebased(now, { before: image, after }), config.DEFAULT, image)
        throw changedMeanwhile(id)
      }
      if (locations.length === 0) {
        return jsonText(context, shown.changed(after, caller, image.locations))
      }
      await patchLocations({ ...image, ...after }, caller, locations)
      locationReader.readSoon()
      const changed = await access.find(id, caller)
      return jsonText(context, shown.found(changed, caller))
    },

    async DELETE(context) {
      refuseBody(context)
      const caller = context.get('caller')
      const id = context.req.param('image_id')
      const image = await access.findFor('delete_image', id, caller, nothingToDelete)
      refuseProtected(image)
      await refuseInUse(services.stores, id, image.locations)
      const remove = config.DEFAULT.delayed_delete ? images.deleteLater : images.delete
      if (!(await remove(id, Date.now()))) {
        refuseProtected(await access.findFor('delete_image', id, caller, nothingToDelete))
        throw changedMeanwhile(id)
      }
      await services.looseObjects.tryRemove()
      return respond(context, null, 204)
    },
  })
}

async function findMarker(images: ImageRepo, id: string, caller: Caller) {
  const marker = await images.findMarker(id, caller)
  if (!marker) throw new HeliostatError('invalid', `No image found with ID ${id}`)
  if (canSee(caller, marker, marker.isMember)) return marker
  throw new HeliostatError('forbidden', `Forbidding request, image ${id} not visible`)
}

/** Those on locations by themselves, where these are shown; where they are not the others refuse them. */
function splitOperations(
  operations: PatchOperation[],
  { DEFAULT }: Services['config'],
): [locations: PatchOperation[], others: PatchOperation[]] {
  const isLocation = ({ name }: PatchOperation) =>
    name === 'locations' && DEFAULT.show_multiple_locations
  return [operations.filter(isLocation), operations.filter((operation) => !isLocation(operation))]
}

function authorizeLocations(
  access: Access,
  operations: PatchOperation[],
  { caller, image }: { caller: Caller; image: FoundImage },
): void {
  for (const { name, op } of operations) {
    if (name !== 'locations') continue
    const action = op === 'remove' ? 'delete_image_location' : 'set_image_location'
    access.requireOnImage(action, caller, image)
  }
}

function notAPatch(contentType = ''): HeliostatError {
  return new HeliostatError(
    'unsupported-media-type',
    `Content-Type is "${contentType}", wanted one of: ${ACCEPT_PATCH}`,
    { headers: { 'Accept-Patch': ACCEPT_PATCH } },
  )
}

function refuseProtected({ id, protected: isProtected }: Image): void {
  if (!isProtected) return
  throw new HeliostatError('forbidden', `Image ${id} is protected and cannot be deleted.`)
}
