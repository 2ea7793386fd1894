import { changedMeanwhile } from '../images/access.ts'
import { type Action, statusAfter } from '../images/status.ts'
import type { Services } from '../services.ts'
import type { App, RequestContext } from './context.ts'
import { refuseBody, resource } from './resource.ts'
import { respond } from './respond.ts'

/** Mounts deactivate and reactivate. Doing either twice is no error. */
export function mountActions(app: App, { images, access }: Services): void {
  async function act(context: RequestContext<'/:image_id'>, action: Action) {
    refuseBody(context)
    const find = () => access.findFor(action, context.req.param('image_id'), context.get('caller'))
    const image = await find()
    const status = statusAfter(action, image)
    if (status !== null && !(await images.changeStatus(image, status, Date.now()))) {
      // It may have been deleted, or somebody else has done the same.
      if (statusAfter(action, await find()) !== null) throw changedMeanwhile(image.id)
    }
    return respond(context, null, 204)
  }

  resource(app, '/v2/images/:image_id/actions/deactivate', {
    POST: (context) => act(context, 'deactivate'),
  })
  resource(app, '/v2/images/:image_id/actions/reactivate', {
    POST: (context) => act(context, 'reactivate'),
  })
}
