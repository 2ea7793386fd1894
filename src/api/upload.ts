import { tokenOf } from '../identity/caller.ts'
import { HeliostatError } from '../errors.ts'
import { bodyOf } from '../http/body.ts'
import { mediaType } from '../http/media-type.ts'
import type { Services } from '../services.ts'
import { stagingStore, type Store, type Stores } from '../stores/store.ts'
import type { RequestContext } from './context.ts'

/** Takes the bytes of an image in. What can be refused before the first byte is. */
export function takeUpload(services: Services, context: RequestContext, id: string): Promise<void> {
  const { access, uploader, limits, stores } = services
  return withBody(context, async (takeBody, { headers, expectedSize }) => {
    const caller = context.get('caller')
    const { projectId } = caller
    const token = tokenOf(headers)
    await limits.refuseMore('image_size_total', projectId, 0)
    const store = wantedStore(stores, headers.get('X-Image-Meta-Store'))
    const image = await access.findFor('upload_image', id, caller)
    await uploader.upload(image, takeBody, {
      intake: 'upload',
      expectedSize,
      projectId,
      token,
      store,
    })
  })
}

/** Takes the bytes of an image in that are to be imported later. */
export function takeStaged(services: Services, context: RequestContext, id: string): Promise<void> {
  const { access, uploader, limits, stores } = services
  return withBody(context, async (takeBody, { expectedSize }) => {
    const caller = context.get('caller')
    const { projectId } = caller
    await limits.refuseMore('image_stage_total', projectId, 0)
    const store = stagingStore(stores)
    const image = await access.findFor('modify_image', id, caller)
    // What is staged is verified when it is imported.
    const token = null
    await uploader.upload(image, takeBody, {
      intake: 'stage',
      expectedSize,
      projectId,
      token,
      store,
    })
  })
}

interface Announced {
  headers: Headers
  /** Null where the client does not say. */
  expectedSize: number | null
}

async function withBody(
  context: RequestContext,
  take: (takeBody: () => ReadableStream<Uint8Array>, announced: Announced) => Promise<void>,
): Promise<void> {
  const { headers } = context.req.raw
  const body = bodyOf(context.req.raw, context.env?.openBody)
  try {
    requireOctetStream(headers)
    await take(body.take, { headers, expectedSize: announcedSize(headers) })
  } catch (error) {
    // Also a refused body is taken in, so that the client hears why instead of losing its connection.
    await body.refuse()
    throw error
  }
}

/** Where there is but one store nobody chooses. */
function wantedStore(stores: Stores, id: string | null): Store {
  return stores.areNamed && id ? stores.named(id) : stores.byDefault
}

function requireOctetStream(headers: Headers): void {
  const given = headers.get('Content-Type')
  if (mediaType(given) === 'application/octet-stream') return
  throw new HeliostatError(
    'unsupported-media-type',
    `Content-Type is "${given ?? ''}", wanted "application/octet-stream"`,
  )
}

/** Bytes that the client says it will send; null when it does not say. */
function announcedSize(headers: Headers): number | null {
  const size = headers.get('X-Openstack-Image-Size') ?? headers.get('Content-Length')
  if (size === null) return null
  if (/^\d{1,15}$/.test(size)) return Number(size)
  throw new HeliostatError('invalid', 'Invalid or missing image size in request headers.')
}
