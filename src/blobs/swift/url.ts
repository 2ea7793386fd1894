import type { SwiftOptions } from './settings.ts'

/** An object as the URL that Glance has written names it. */
export interface NamedObject {
  container: string
  key: string
}

/** A section of the configuration file, or who logs in where: both are compared and never used. */
interface SwiftUrl extends NamedObject {
  reference: string | null
  /** Without a scheme. */
  address: string
  /** The first part of the user's name; null where the URL has none. */
  project: string | null
}

const FORM = /^swift(\+https?|\+config)?:\/\/(.+)\/([^/]+)\/([^/]+)$/s
const IMAGE_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The object that a URL names, if it lies in the account and the containers of the options; otherwise null. */
export function namedObject(url: string, options: SwiftOptions): NamedObject | null {
  const parsed = parseSwiftUrl(url)
  if (!parsed) return null
  const { container, key } = parsed
  if (!isAccount(parsed, options) || !IMAGE_ID.test(key)) return null
  return isContainer(container, key, options) ? { container, key } : null
}

/** The URL as it may be shown: without user and key. Null for one that is not of Swift's. */
export function shownSwiftUrl(url: string): string | null {
  const parsed = parseSwiftUrl(url)
  if (!parsed) return null
  const { reference, address, container, key } = parsed
  return `${url.slice(0, url.indexOf('://'))}://${reference ?? address}/${container}/${key}`
}

/** A key may have any character, those of an address and of a path too, so the URL is read from its end. */
function parseSwiftUrl(url: string): SwiftUrl | null {
  const [, scheme, place = '', container = '', key = ''] = FORM.exec(url) ?? []
  if (key === '') return null
  if (scheme === '+config') {
    return { reference: place, address: '', project: null, container, key }
  }
  const at = place.lastIndexOf('@')
  const project = at < 0 ? null : projectOf(unquoted(place.slice(0, at)))
  return { reference: null, address: place.slice(at + 1), project, container, key }
}

/** Of the users of one account any will do. */
function isAccount({ reference, address, project }: SwiftUrl, options: SwiftOptions): boolean {
  if (reference !== null) return reference === options.default_swift_reference
  const { account } = options
  const wanted = account.auth_address.replace(/^https?:\/\//, '')
  if (comparable(address) !== comparable(wanted)) return false
  return project === null || account.user === null || project === projectOf(account.user)
}

/** Glance strips slashes, and leaves the name of the host as it is written. */
function comparable(address: string): string {
  const slash = address.indexOf('/')
  const host = slash < 0 ? address : address.slice(0, slash)
  const path = slash < 0 ? '' : address.slice(slash)
  return host.toLowerCase() + path.replace(/\/+$/, '')
}

function projectOf(user: string): string {
  return user.replace(/:.*$/s, '')
}

/** With `swift_store_multiple_containers_seed` the images are spread over containers by how their ids begin. */
function isContainer(container: string, id: string, options: SwiftOptions): boolean {
  const { swift_store_container: own } = options
  if (container === own) return true
  const suffix = container.startsWith(`${own}_`) ? container.slice(own.length + 1) : ''
  return suffix !== '' && id.toLowerCase().startsWith(suffix)
}

function unquoted(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
