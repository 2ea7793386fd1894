import { z } from 'zod'
import { answers } from '../blobs/remote/ranged-get.ts'
import { FILE_PATIENCE } from '../blobs/remote/attempts.ts'
import { webFile } from '../blobs/remote/web-file.ts'
import { getWhole } from '../blobs/remote/whole-get.ts'
import { HeliostatError } from '../errors.ts'
import { readLimited } from '../http/body.ts'
import type { Fetch } from '../http/fetch.ts'
import type { FindEndpoint } from '../identity/catalog.ts'
import type { GlanceDownload } from './request.ts'
import type { Source } from './source.ts'

const MAX_RECORD = 4 << 20

const remoteImage = z.looseObject({
  status: z.string(),
  size: z.number().nullable(),
  disk_format: z.string(),
  container_format: z.string(),
})

export interface GlanceDownloadParts {
  fetch: Fetch
  findEndpoint: FindEndpoint
  /** How the names of the properties begin that are taken over. */
  prefixes: readonly string[]
}

/** Opens an image of another region, which is asked with the token of whoever wants it. */
export async function openGlanceDownload(
  { fetch, findEndpoint, prefixes }: GlanceDownloadParts,
  { region, imageId, serviceInterface }: GlanceDownload,
  { token, signal }: { token: string; signal: AbortSignal },
): Promise<Source> {
  const endpoint = await findEndpoint(token, { type: 'image', region, serviceInterface })
  if (endpoint === null) {
    throw new HeliostatError(
      'invalid',
      `Keystone's catalog has no ${serviceInterface} endpoint of an image service in region "${region}"`,
    )
  }
  const root = `${endpoint.replace(/\/+$/, '').replace(/\/v2$/, '')}/v2/images/${imageId}`
  const asCaller: Fetch = (url, init) => {
    const headers = new Headers(init.headers)
    headers.set('X-Auth-Token', token)
    // A redirect would take the token elsewhere.
    return fetch(url, { ...init, headers, redirect: 'manual' })
  }
  const record = webFile(root, asCaller, FILE_PATIENCE)
  const answer = await record.send('GET', new Headers({ Accept: 'application/json' }), signal)
  const text = new TextDecoder().decode(await readLimited(answer.body, MAX_RECORD))
  if (answer.status !== 200) throw answers(record, answer)
  const image = remoteImage.parse(JSON.parse(text))
  if (image.status !== 'active') {
    throw new HeliostatError(
      'conflict',
      `Image ${imageId} is in status "${image.status}" in region "${region}", wanted "active"`,
    )
  }
  const { size, body } = await getWhole(webFile(`${root}/file`, asCaller, FILE_PATIENCE), signal)
  if (size !== null && image.size !== null && size !== image.size) {
    await body.cancel()
    throw new HeliostatError(
      'invalid',
      `Image ${imageId} has ${image.size} bytes in region "${region}", which sends ${size}`,
    )
  }
  return {
    size: image.size ?? size,
    body,
    record: { disk_format: image.disk_format, container_format: image.container_format },
    properties: Object.fromEntries(
      Object.entries(image).filter((entry): entry is [string, string] => {
        const [name, value] = entry
        return typeof value === 'string' && prefixes.some((prefix) => name.startsWith(prefix))
      }),
    ),
  }
}
