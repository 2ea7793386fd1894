import type { Config } from '../config.ts'

const SCHEME = /^https?$/i
const HOST = /^([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?$/i
const PREFIX = /^(\/[\w.~-]+)+$/

/**
 * The URL that the service has for this client, with which links in answers begin; no slash at its end. Of what a proxy
 * says only that is believed which could be a part of a URL, and nothing unless it is enabled.
 */
export function serviceRoot({ url, headers }: Request, config: Config): string {
  if (config.DEFAULT.public_endpoint !== null) return config.DEFAULT.public_endpoint
  const { protocol, host } = new URL(url)
  const { enable_proxy_headers_parsing } = config.oslo_middleware
  const proxy = enable_proxy_headers_parsing ? forwarded(headers) : {}
  const scheme =
    matching(SCHEME, schemeHeader(headers, config)) ?? matching(SCHEME, proxy.scheme) ?? protocol
  const authority = matching(HOST, proxy.host) ?? host
  const prefix = matching(PREFIX, proxy.prefix?.replace(/\/+$/, '')) ?? ''
  return `${scheme.replace(':', '').toLowerCase()}://${authority}${prefix}`
}

interface Forwarded {
  scheme?: string | undefined
  host?: string | undefined
  prefix?: string | undefined
}

/** The first hop of `Forwarded` (RFC 7239), or else what the older headers say, as oslo.middleware reads them. */
function forwarded(headers: Headers): Forwarded {
  const prefix = headers.get('X-Forwarded-Prefix') ?? undefined
  const [standard] = listed(headers.get('Forwarded'))
  if (standard !== undefined) {
    return { scheme: parameter(standard, 'proto'), host: parameter(standard, 'host'), prefix }
  }
  const [scheme] = listed(headers.get('X-Forwarded-Proto'))
  const [host] = listed(headers.get('X-Forwarded-Host'))
  return { scheme, host, prefix }
}

/** The option names a header as WSGI does: `HTTP_X_FORWARDED_PROTO`. */
function schemeHeader(headers: Headers, { DEFAULT }: Config): string | undefined {
  const name = DEFAULT.secure_proxy_ssl_header?.replace(/^HTTP_/, '').replaceAll('_', '-')
  return (name && headers.get(name)) || undefined
}

function listed(value: string | null): string[] {
  return (value ?? '').split(',').flatMap((item) => item.trim() || [])
}

function parameter(element: string, name: string): string | undefined {
  const [, value] = new RegExp(`(?:^|;)\\s*${name}="?([^";]*)"?`, 'i').exec(element) ?? []
  return value
}

function matching(pattern: RegExp, value: string | undefined): string | null {
  return value !== undefined && pattern.test(value) ? value : null
}
