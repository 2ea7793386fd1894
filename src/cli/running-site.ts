import { z } from 'zod'
import { HeliostatError } from '../errors.ts'
import { answerWithin } from '../http/deadline.ts'
import { reasonOf } from '../reason.ts'

const ANSWER_MS = 15_000
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export interface SiteOptions {
  url: string
  /** For the Image API. */
  token?: string | undefined
  /** For `/mirror/v1`. */
  mirrorToken?: string | undefined
}

const refusal = z.object({ message: z.string() })
const foundImage = z.object({ id: z.string(), name: z.string().nullable(), status: z.string() })
const imageList = z.object({ images: z.array(foundImage) })

export type FoundImage = z.output<typeof foundImage>

/** A Heliostat that runs somewhere, as its operator speaks to it. */
export interface RunningSite {
  /** Without a slash at its end. */
  readonly url: string
  ask(path: string, init?: RequestInit): Promise<Response>
  read<T>(path: string, type: z.ZodType<T>): Promise<T>
  /** Sends a request without a body, of whose answer only the success matters. */
  send(method: 'PUT' | 'DELETE', path: string): Promise<void>
  /** The one image of that id or name. */
  findImage(nameOrId: string): Promise<FoundImage>
}

export function createRunningSite({ url, token, mirrorToken }: SiteOptions): RunningSite {
  const root = url.replace(/\/+$/, '')
  const forImages: Record<string, string> = token === undefined ? {} : { 'X-Auth-Token': token }
  const forMirrors: Record<string, string> =
    mirrorToken === undefined ? {} : { Authorization: `Bearer ${mirrorToken}` }

  async function ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = {
      Accept: 'application/json',
      ...(path.startsWith('/mirror/') ? forMirrors : forImages),
    }
    const send = (signal: AbortSignal) => fetch(root + path, { ...init, headers, signal })
    return answerWithin({ total: ANSWER_MS }, send).catch((cause: unknown) => {
      throw new HeliostatError('unavailable', `No site answers at ${root}: ${reasonOf(cause)}`)
    })
  }

  async function read<T>(path: string, type: z.ZodType<T>): Promise<T> {
    const response = await requireOk(await ask(path), path)
    const parsed = type.safeParse(await response.json().catch(() => null))
    if (parsed.success) return parsed.data
    throw new HeliostatError('unavailable', `${root}${path} answers with something unknown`)
  }

  return {
    url: root,
    ask,
    read,

    async send(method, path) {
      await (await requireOk(await ask(path, { method }), path)).body?.cancel()
    },

    async findImage(nameOrId) {
      if (ID.test(nameOrId)) return read(`/v2/images/${nameOrId}`, foundImage)
      const query = `name=${encodeURIComponent(nameOrId)}&limit=2`
      const { images } = await read(`/v2/images?${query}`, imageList)
      const [first] = images
      if (first && images.length === 1) return first
      throw new HeliostatError(
        first ? 'conflict' : 'not-found',
        first
          ? `Several images are called "${nameOrId}": give an id`
          : `There is no image "${nameOrId}"`,
      )
    },
  }
}

async function requireOk(response: Response, path: string): Promise<Response> {
  if (response.ok) return response
  const parsed = refusal.safeParse(await response.json().catch(() => null))
  const told = parsed.success ? parsed.data.message.replace(/<br \/>/g, '').trim() : ''
  throw new HeliostatError(
    'unavailable',
    `${path} answered ${response.status}${told ? `: ${told}` : ''}${hint(response.status, path)}`,
  )
}

/** The site itself tells no stranger what it wants. */
function hint(status: number, path: string): string {
  const isMirror = path.startsWith('/mirror/')
  if (status === 404 && isMirror) {
    return ' (on its own machine give --data-dir, elsewhere it needs [mirror] tokens)'
  }
  if (status !== 401) return ''
  return isMirror ? ' (--mirror-token or HELIOSTAT_MIRROR_TOKEN)' : ' (--token or HELIOSTAT_TOKEN)'
}
