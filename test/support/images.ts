import assert from 'node:assert/strict'
import { ADMIN, type TestSite } from './site.ts'

type Site = Pick<TestSite, 'request'>
type Attributes = Record<string, unknown>

/** What a test reads of an image: every key that the API may show. */
export interface ShownImage extends Attributes {
  id: string
  status: string
  tags: string[]
}

export const BARE_RAW = { disk_format: 'raw', container_format: 'bare' }
export const BARE_QCOW2 = { disk_format: 'qcow2', container_format: 'bare' }
export const OCTETS = { 'Content-Type': 'application/octet-stream' }
export const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000'

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

/** The error text of a JSON error answer, without the breaks that Glance puts behind it. */
export async function errorMessage(response: Response): Promise<string> {
  const { message } = await response.json()
  return String(message).replace('<br /><br />\n\n\n', '')
}

/** Creates an image from a body of any shape; errors come as JSON. */
export function postImage(site: Site, body: unknown, headers = {}): Promise<Response> {
  return site.request('/v2/images', {
    method: 'POST',
    headers: { Accept: 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

/** What is shown of an image that was created from nothing, besides its id and its dates. */
export function shownDefaults(id: string, owner: string | null = null) {
  return {
    name: null,
    disk_format: null,
    container_format: null,
    visibility: 'shared',
    size: null,
    virtual_size: null,
    status: 'queued',
    checksum: null,
    protected: false,
    min_ram: 0,
    min_disk: 0,
    owner,
    os_hidden: false,
    os_hash_algo: null,
    os_hash_value: null,
    tags: [],
    self: `/v2/images/${id}`,
    file: `/v2/images/${id}/file`,
    schema: '/v2/schemas/image',
  }
}

/** An image that is there before a test looks at something else. */
export async function createImage(site: Site, attributes: Attributes = {}, headers = {}) {
  const response = await postImage(site, attributes, headers)
  const image: ShownImage = await response.json()
  assert.equal(response.status, 201, JSON.stringify(image))
  return image
}

export async function showImage(site: Site, id: string, headers = {}): Promise<ShownImage> {
  const response = await site.request(`/v2/images/${id}`, { headers })
  assert.equal(response.status, 200)
  return response.json()
}

export const V21 = 'application/openstack-images-v2.1-json-patch'
export const V20 = 'application/openstack-images-v2.0-json-patch'

/** Sends a PATCH of the v2.1 dialect unless the headers say otherwise. */
export function patchImage(site: Site, id: string, operations: unknown, headers = {}) {
  return site.request(`/v2/images/${id}`, {
    method: 'PATCH',
    headers: { Accept: 'application/json', 'Content-Type': V21, ...headers },
    body: typeof operations === 'string' ? operations : JSON.stringify(operations),
  })
}

export function deleteImage(site: Site, id: string, headers = {}): Promise<Response> {
  return site.request(`/v2/images/${id}`, {
    method: 'DELETE',
    headers: { Accept: 'application/json', ...headers },
  })
}

type Body = Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>

/** Sends bytes, or a stream of them as a chunked body. */
export function uploadData(site: Site, id: string, body: Body, headers = {}): Promise<Response> {
  return site.request(`/v2/images/${id}/file`, {
    method: 'PUT',
    headers: {
      Accept: 'application/json',
      ...OCTETS,
      ...headers,
    },
    body,
    ...(body instanceof ReadableStream && { duplex: 'half' }),
  })
}

/** A raw image that holds the bytes. */
export async function createActiveImage(site: Site, text: string, attributes: Attributes = {}) {
  const image = await createImage(site, { ...BARE_RAW, ...attributes })
  const response = await uploadData(site, image.id, bytesOf(text))
  assert.equal(response.status, 204)
  return image
}

export function downloadData(site: Site, id: string, headers = {}): Promise<Response> {
  return site.request(`/v2/images/${id}/file`, {
    headers: { Accept: 'application/json', ...headers },
  })
}

export function actOn(site: Site, id: string, action: string, headers = {}): Promise<Response> {
  return site.request(`/v2/images/${id}/actions/${action}`, {
    method: 'POST',
    headers: { Accept: 'application/json', ...headers },
  })
}

/** A request about the members of an image, by an administrator unless the headers say otherwise. */
export function askMembers(
  site: Site,
  { method, path, body }: { method: string; path: string; body?: unknown },
  headers: Record<string, string> = ADMIN,
): Promise<Response> {
  return site.request(`/v2/images/${path}`, {
    method,
    headers: { Accept: 'application/json', ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
}

/** Shares an image with a project, which then answers the offer. */
export async function shareImage(
  site: Site,
  id: string,
  member: string,
  status: 'pending' | 'accepted' | 'rejected' = 'accepted',
): Promise<void> {
  const path = `${id}/members`
  const added = await askMembers(site, { method: 'POST', path, body: { member } })
  assert.equal(added.status, 200, await added.text())
  const answered = await askMembers(site, {
    method: 'PUT',
    path: `${path}/${member}`,
    body: { status },
  })
  assert.equal(answered.status, 200, await answered.text())
}

/** The digests of all chunks that are stored. */
export async function storedChunks({ store }: Pick<TestSite, 'store'>): Promise<string[]> {
  const digests = []
  for await (const { digest } of store.list()) digests.push(digest)
  return digests
}
