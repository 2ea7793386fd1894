import type { OpenBody } from '../blobs/body.ts'
import type { NamedManifest } from '../blobs/manifest.ts'
import { HeliostatError } from '../errors.ts'
import { evaluatePreconditions, ifRangeAllows } from '../http/preconditions.ts'
import { contentRange, requestedRange } from '../http/range.ts'
import { reprDigest } from '../http/repr-digest.ts'
import type { Caller } from '../identity/caller.ts'
import type { FoundImage } from '../images/image.ts'
import { splitList } from '../option-kinds.ts'
import type { Services } from '../services.ts'
import { openUnread } from '../stores/unread-body.ts'
import type { App, RequestContext } from './context.ts'
import { refuseBody, resource } from './resource.ts'
import { respond } from './respond.ts'
import { takeUpload } from './upload.ts'

/** Mounts the images' bytes: upload and download. */
export function mountImageData(app: App, services: Services): void {
  const { access, hasBytes, cache } = services

  resource(app, '/v2/images/:image_id/file', {
    async GET(context) {
      refuseBody(context)
      const caller = context.get('caller')
      const image = await access.find(context.req.param('image_id'), caller)
      refuseDeactivated(image, caller.isAdmin)
      access.requireOnImage('download_image', caller, image)
      const openBody = openerFor(services, context, image)
      if (hasNoData(image)) return respond(context, null, 204)
      if (isUnread(image)) return sendUnread(services, context, image)
      const manifest = await manifestOf(services, image, caller)

      const { headers } = context.req.raw
      const etag = etagOf(manifest)
      const precondition = evaluatePreconditions(headers, etag)
      if (precondition === 'failed') {
        throw new HeliostatError('precondition-failed', `The image's ETag is ${etag}`)
      }
      if (precondition === 'not-modified') return respond(context, null, 304, { ETag: etag })

      if (context.req.method === 'HEAD') {
        if (!(await asRead(image, hasBytes(manifest)))) throw dataLost(image)
        // A range is for GET alone: https://www.rfc-editor.org/rfc/rfc9110#section-14.2
        return respond(context, null, 200, {
          ...describeBody(manifest),
          'Content-Length': String(manifest.size),
        })
      }
      const range = ifRangeAllows(headers, etag) ? requestedRange(headers, manifest.size) : null
      const span = range ?? { offset: 0, length: manifest.size }
      const body = await asRead(image, openBody(manifest, span))
      if (!body) throw dataLost(image)
      context.get('logWhenSent')(body.sent)
      cache?.noteRead(image.id)
      const response = respond(context, body.bytes ?? body.stream, range ? 206 : 200, {
        ...describeBody(manifest),
        'Content-Length': String(span.length),
        ...(range && { 'Content-Range': contentRange(range, manifest.size) }),
      })
      body.attach(response)
      return response
    },

    async PUT(context) {
      await takeUpload(services, context, context.req.param('image_id'))
      return respond(context, null, 204)
    },
  })
}

/** Whether its bytes are an object that others have stored, and that has not been read yet. */
function isUnread({ blob, size, locations }: FoundImage): boolean {
  return blob === null && size !== null && locations.some(({ url }) => url !== null)
}

/** As it is: what it should be is not known yet, so nothing is told that would let the client go on with it later. */
async function sendUnread(
  { stores, cache }: Services,
  context: RequestContext,
  image: FoundImage,
): Promise<Response> {
  const size = image.size ?? 0
  const isHead = context.req.method === 'HEAD'
  const range = isHead ? null : requestedRange(context.req.raw.headers, size)
  const span = range ?? { offset: 0, length: size }
  const isEmpty = isHead || size === 0
  const body = isEmpty ? null : await asRead(image, openUnread(stores, image.locations, span))
  if (!isEmpty && body === null) throw dataLost(image)
  cache?.noteRead(image.id)
  return respond(context, body, range ? 206 : 200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': String(span.length),
    'Accept-Ranges': 'bytes',
    ...(image.checksum !== null && { 'Content-MD5': image.checksum }),
    ...(range && { 'Content-Range': contentRange(range, size) }),
  })
}

/** From the stores that the caller prefers, if he says so by `?prefer=store2,store1`. */
function openerFor(
  { access, stores, openBody, openPreferred }: Services,
  context: RequestContext,
  image: FoundImage,
): OpenBody {
  const prefer = splitList(context.req.query('prefer') ?? '')
  if (prefer.length === 0) return openBody
  access.requireOnImage('download_from_store', context.get('caller'), image)
  if (!stores.areNamed || openPreferred === null) {
    throw new HeliostatError(
      'invalid',
      'Store selection for download is not available when multiple backends are not enabled.',
    )
  }
  const unknown = prefer.find((id) => stores.find(id) === null)
  if (unknown === undefined) return openPreferred(prefer)
  throw new HeliostatError('invalid', `Store '${unknown}' is not configured.`)
}

/** What an image that has data is made of; where the registry has lost that [503] the operator is told. */
async function manifestOf(
  { access, manifests, noteDamage }: Services,
  image: FoundImage,
  caller: Caller,
): Promise<NamedManifest> {
  const manifest = image.blob === null ? null : await manifests.find(image.blob)
  if (manifest) return manifest
  // It may have been deleted meanwhile [404].
  const { blob } = await access.find(image.id, caller)
  if (blob === image.blob) await noteDamage(`image ${image.id} has lost what it is made of`)
  throw dataLost(image)
}

const descriptions = new WeakMap<NamedManifest, Record<string, string>>()

/** Content-MD5 is hex and always of the whole, as Glance's clients expect; the other headers are the standard's. */
function describeBody(manifest: NamedManifest): Record<string, string> {
  const known = descriptions.get(manifest)
  if (known) return known
  const { checksum, hashAlgorithm, hashValue } = manifest
  const description = {
    'Content-Type': 'application/octet-stream',
    ...(checksum !== null && { 'Content-MD5': checksum }),
    'Accept-Ranges': 'bytes',
    ETag: etagOf(manifest),
    ...reprDigest(hashAlgorithm, hashValue),
  }
  descriptions.set(manifest, description)
  return description
}

const etagOf = ({ hashValue }: NamedManifest) => `"${hashValue}"`

/** Nothing has been uploaded yet, or it is still coming in. */
function hasNoData({ status, blob }: FoundImage): boolean {
  return blob === null && status !== 'active' && status !== 'deactivated'
}

/** What the image is made of is damaged or gone, and can be had nowhere [503]. */
function dataLost(image: FoundImage): HeliostatError {
  return new HeliostatError(
    'unavailable',
    `The data of image ${image.id} is damaged or missing: it can be downloaded again once it has been restored`,
  )
}

/** A store that cannot be read, whatever the reason [503]. What is known of the reason is logged. */
async function asRead<T>(image: FoundImage, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (cause) {
    if (cause instanceof HeliostatError) throw cause
    const message = `The data of image ${image.id} cannot be read at the moment: try again soon`
    throw new HeliostatError('unavailable', message, { cause })
  }
}

/** Checked before any policy, so that also those who may download hear the reason. */
function refuseDeactivated(image: FoundImage, isAdmin: boolean): void {
  if (image.status !== 'deactivated' || isAdmin) return
  throw new HeliostatError(
    'forbidden',
    'The requested image has been deactivated. Image data download is forbidden.',
  )
}
