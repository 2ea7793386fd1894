import type { Config } from '../config.ts'
import { urlPath } from '../http/url-path.ts'
import type { App } from './context.ts'
import { json } from './json.ts'
import { serviceRoot } from './service-root.ts'

const NEWEST = 18
/** What these have added is there with a cache only, or with stores that have names. */
const OF_CACHE = [14, 16, 18]
const OF_STORES = [8, 10, 11, 12, 13]

/** The versions that a site lists, the newest first, and accepts in URLs. */
export function versionsOf(site: { hasCache: boolean; hasStores: boolean }): readonly string[] {
  const minors = Array.from({ length: NEWEST + 1 }, (_, index) => NEWEST - index)
  return minors
    .filter((minor) => site.hasCache || !OF_CACHE.includes(minor))
    .filter((minor) => site.hasStores || !OF_STORES.includes(minor))
    .map((minor) => `2.${minor}`)
}

const IN_ACCEPT = /application\/vnd\.openstack\.images-(v2(?:\.\d+)?)/

/** A slash; letters, digits, hyphen, dot, underscore, tilde. */
const PLAIN_ESCAPES = /%(?:2[def]|3\d|4[1-9a-f]|5[\daf]|6[1-9a-f]|7[\dae])/gi

/** What lies beside the API, without a version. */
const OWN_PATHS = ['/healthcheck', '/readyz', '/metrics']

const CHOICES = '/'
const LISTED = '/versions'

/**
 * The path that a request is routed by: with the version that clients may put into the path or the Accept header
 * reduced to `/v2`, runs of slashes to one, and escapes of slashes and unreserved characters (RFC 3986 section 6.2.2.2)
 * to what they stand for.
 */
export function createRoutePath(versions: readonly string[]): (request: Request) => string {
  const accepted = new Set(['v2', ...versions.map((version) => `v${version}`)])
  return (request) => {
    const path = pathOf(request.url)
    const [, first = ''] = path.split('/', 2)
    const rest = path.slice(first.length + 1)
    if (accepted.has(first)) return rest === '' || rest === '/' ? LISTED : `/v2${rest}`
    if (first === 'versions') return LISTED
    if (OWN_PATHS.includes(path) || first === 'mirror') return path
    const [, wanted = ''] = IN_ACCEPT.exec(request.headers.get('Accept') ?? '') ?? []
    return accepted.has(wanted) && path !== '/' ? `/v2${path}` : CHOICES
  }
}

/** Mounts the version documents, which every unknown first segment of a path leads to. */
export function mountVersions(app: App, versions: readonly string[], config: Config): void {
  const document = (request: Request) => {
    const root = serviceRoot(request, config)
    return { versions: versions.map((version, index) => describe(version, index, root)) }
  }
  app.all(CHOICES, (context) => json(context, document(context.req.raw), { status: 300 }))
  app.all(LISTED, (context) => json(context, document(context.req.raw)))
}

function describe(version: string, index: number, root: string) {
  return {
    id: `v${version}`,
    status: index === 0 ? 'CURRENT' : 'SUPPORTED',
    links: [{ rel: 'self', href: `${root}/v2/` }],
  }
}

function pathOf(url: string): string {
  const path = urlPath(url)
  const plain = path.includes('%') ? path.replace(PLAIN_ESCAPES, decodeURIComponent) : path
  return plain.includes('//') ? plain.replace(/\/{2,}/g, '/') : plain
}
