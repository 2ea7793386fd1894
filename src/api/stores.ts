import { HeliostatError } from '../errors.ts'
import type { FoundImage } from '../images/image.ts'
import type { Services } from '../services.ts'
import { refuseInUse } from '../stores/in-use.ts'
import type { App } from './context.ts'
import { refuseBody, resource } from './resource.ts'
import { respond } from './respond.ts'

/** Mounts what administrators do with the copy of an image in one store. */
export function mountStores(app: App, services: Services): void {
  const { access, images, stores, looseObjects } = services

  resource(app, '/v2/stores/:store/:image_id', {
    async DELETE(context) {
      refuseBody(context)
      const { store, image_id: id } = context.req.param()
      requireStore(services, store)
      const caller = context.get('caller')
      const image = await access.find(id, caller, absent)
      access.requireOnImage('get_image_location', caller, image)
      access.requireOnImage('delete_image_location', caller, image)
      requireOtherCopy(image, store)
      const leaving = image.locations.filter((location) => location.store === store)
      await refuseInUse(stores, image.id, leaving)
      if (!(await images.removeCopies(id, store, Date.now()))) throw onlyCopy()
      await looseObjects.tryRemove()
      return respond(context, null, 204)
    },
  })
}

function requireStore({ stores }: Services, id: string): void {
  if (!stores.areNamed) {
    throw new HeliostatError('not-found', 'Multi backend is not supported at this site.')
  }
  if (stores.find(id)) return
  throw new HeliostatError('conflict', `The selected store ${id} is not available on this node.`)
}

function requireOtherCopy({ id, status, locations }: FoundImage, store: string): void {
  if (status !== 'active') {
    throw new HeliostatError(
      'conflict',
      "It's not allowed to remove image data from store if image status is not 'active'",
    )
  }
  if (new Set(locations.map((location) => location.store)).size <= 1) throw onlyCopy()
  if (locations.some((location) => location.store === store)) return
  throw new HeliostatError('not-found', `Image ${id} is not stored in store ${store}.`)
}

function absent(id: string): HeliostatError {
  return new HeliostatError('not-found', `Failed to find image ${id}`)
}

function onlyCopy(): HeliostatError {
  return new HeliostatError(
    'forbidden',
    'Cannot delete image data from the only store containing it. Consider deleting the image instead.',
  )
}
