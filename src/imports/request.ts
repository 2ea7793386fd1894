/** What clients ask for by `POST /v2/images/{id}/import`. */
import { UUID } from '../../schema/image.ts'
import { IMPORT_METHODS } from '../../schema/import-methods.ts'
import { HeliostatError } from '../errors.ts'
import { type Hash, HASHES } from './hash.ts'

export type ImportMethod = (typeof IMPORT_METHODS)[number]

/** The body of a request, of which only what every method has is typed. */
export interface ImportRequest {
  name: ImportMethod
  /** What the method is given. */
  method: Readonly<Record<string, unknown>>
  /** As it was given; undefined where there is no such key. */
  stores: unknown
  allStores: boolean
  allStoresMustSucceed: boolean
}

export function parseImport(body: unknown, enabled: readonly string[]): ImportRequest {
  if (!isObject(body)) throw invalid(`Import request is ${shown(body)}, wanted an object`)
  const {
    method,
    stores,
    all_stores_must_succeed: mustSucceed = true,
    all_stores: all = false,
  } = body
  if (method === undefined) throw invalid("Import request requires a 'method' field.")
  if (!isObject(method)) throw invalid(`'method' is ${shown(method)}, wanted an object`)
  if (method['name'] === undefined) throw invalid("Import request requires a 'name' field.")
  const name = IMPORT_METHODS.find((known) => known === method['name'] && enabled.includes(known))
  if (!name) {
    throw invalid(
      `Unknown import method name '${text(method['name'])}'. Wanted one of: ${enabled.join(', ')}`,
    )
  }
  if (typeof mustSucceed !== 'boolean') {
    throw invalid("'all_stores_must_succeed' must be boolean value only")
  }
  if (typeof all !== 'boolean') throw invalid("'all_stores' must be boolean value only")
  return { name, method, stores, allStores: all, allStoresMustSucceed: mustSucceed }
}

export interface GlanceDownload {
  region: string
  imageId: string
  /** Which of a region's endpoints: `public`, `internal`, `admin`. */
  serviceInterface: string
}

export function parseGlanceDownload({ method }: Pick<ImportRequest, 'method'>): GlanceDownload {
  const { glance_region: region, glance_image_id: imageId } = method
  const { glance_service_interface: serviceInterface = 'public' } = method
  if (typeof region !== 'string' || region === '' || imageId === undefined) {
    throw invalid(
      "Import method glance-download requires 'glance_region' and 'glance_image_id', the name of a region and the id of an image there",
    )
  }
  if (typeof imageId !== 'string' || !UUID.test(imageId)) {
    throw invalid(`Remote image id does not look like a UUID: ${text(imageId)}`)
  }
  if (typeof serviceInterface !== 'string') {
    throw invalid(`'glance_service_interface' is ${shown(serviceInterface)}, wanted a string`)
  }
  return { region, imageId, serviceInterface }
}

export interface WebDownload {
  uri: string
  /** What the bytes have to be; null where the client has not said. */
  hash: Hash | null
}

/** Beside Glance's `uri` a client may say what the bytes are: by `os_hash_algo` and `os_hash_value`, or by `checksum`. */
export function parseWebDownload({ method }: Pick<ImportRequest, 'method'>): WebDownload {
  const { uri, os_hash_algo: algorithm, os_hash_value: value, checksum } = method
  if (typeof uri !== 'string') {
    const given = uri === undefined ? 'None' : shown(uri)
    throw invalid(`URI for web-download does not pass filtering: ${given}`)
  }
  if (checksum !== undefined) return { uri, hash: parseSums(checksum) }
  if (algorithm === undefined && value === undefined) return { uri, hash: null }
  const length = Object.entries(HASHES).find(([name]) => name === algorithm)?.[1]
  const isSound = typeof value === 'string' && value.length === length && /^[\da-f]+$/i.test(value)
  if (typeof algorithm !== 'string' || !isSound) {
    throw invalid(
      `'os_hash_algo' is ${shown(algorithm)} and 'os_hash_value' is ${shown(value)}, wanted one of ${Object.keys(HASHES).join(', ')} and its hexadecimal digits`,
    )
  }
  return { uri, hash: { algorithm, value: value.toLowerCase() } }
}

/** A line of a file such as SHA256SUMS, in either of the usual forms, or the digest alone. */
function parseSums(line: unknown): Hash {
  const digits =
    typeof line === 'string'
      ? (/^\s*([\da-f]+)(?:\s+\*?\S.*)?\s*$/i.exec(line) ??
        /^\s*\w+ \(.*\) = ([\da-f]+)\s*$/i.exec(line))
      : null
  const value = digits?.[1]?.toLowerCase() ?? ''
  const algorithm = Object.entries(HASHES).find(([, length]) => length === value.length)?.[0]
  if (algorithm !== undefined) return { algorithm, value }
  throw invalid(
    `'checksum' is ${shown(line)}, wanted a line such as "DIGEST  FILE" or "SHA256 (FILE) = DIGEST"`,
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : shown(value)
}

const MAX_SHOWN = 200

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'absent').slice(0, MAX_SHOWN)
}

function invalid(message: string): HeliostatError {
  return new HeliostatError('invalid', message)
}
