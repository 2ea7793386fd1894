import type { App } from './context.ts'
import { json } from './json.ts'

/** Accepted in URLs, newest first. The gaps are versions that only add what a single store or no cache lacks. */
const VERSIONS = ['2.17', '2.15', '2.9', '2.7', '2.6', '2.5', '2.4', '2.3', '2.2', '2.1', '2.0']

const ACCEPTED: ReadonlySet<string> = new Set(['v2', ...VERSIONS.map((version) => `v${version}`)])

const IN_ACCEPT = /application\/vnd\.openstack\.images-(v2(?:\.\d+)?)/

const CHOICES = '/'
const LISTED = '/versions'

/**
 * The path that a request is routed by: with the version that clients may put into the path or the Accept header
 * reduced to `/v2`, runs of slashes to one, and an encoded slash to a plain one, as in Glance.
 */
export function routePath(request: Request): string {
  const path = pathOf(request.url)
  const [, first = ''] = path.split('/', 2)
  if (first === 'v2') return path === '/v2' || path === '/v2/' ? LISTED : path
  if (first === 'versions') return LISTED
  if (path === '/healthcheck' || first === 'mirror') return path
  if (ACCEPTED.has(first)) return `/v2${path.slice(first.length + 1)}`
  const [, wanted = ''] = IN_ACCEPT.exec(request.headers.get('Accept') ?? '') ?? []
  return ACCEPTED.has(wanted) && path !== '/' ? `/v2${path}` : CHOICES
}

/** Mounts the version documents, which every unknown first segment of a path leads to. */
export function mountVersions(app: App, publicEndpoint: string | null): void {
  const versions = (request: Request) => {
    const root = publicEndpoint ?? new URL(request.url).origin
    return { versions: VERSIONS.map((version, index) => describe(version, index, root)) }
  }
  app.all(CHOICES, (context) => json(context, versions(context.req.raw), { status: 300 }))
  app.all(LISTED, (context) => json(context, versions(context.req.raw)))
}

function describe(version: string, index: number, root: string) {
  return {
    id: `v${version}`,
    status: index === 0 ? 'CURRENT' : 'SUPPORTED',
    links: [{ rel: 'self', href: `${root}/v2/` }],
  }
}

function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  const end = url.slice(start).search(/[?#]/)
  const path = start < 0 ? '/' : url.slice(start, end < 0 ? undefined : start + end)
  return path.replace(/%2f/gi, '/').replace(/\/{2,}/g, '/')
}
