import { HeliostatError } from '../errors.ts'
import type { AddressFilter } from './address-filter.ts'
import type { Fetch } from './fetch.ts'

const MAX_REDIRECTS = 5
const REDIRECTS = [301, 302, 303, 307, 308]
const CREDENTIALS = ['Authorization', 'Cookie', 'Proxy-Authorization']

/**
 * A `fetch` for GET and HEAD of addresses that users have chosen. The URL and each redirect are checked by their form
 * [invalid]; what their names resolve to is checked by the `fetch` below it, where the platform lets it
 * (`runtime/outgoing.ts`). Workers do not, nor do they connect to private addresses.
 */
export function createFilteredFetch(fetch: Fetch, filter: Pick<AddressFilter, 'check'>): Fetch {
  return async (url, init) => {
    const headers = new Headers(init.headers)
    let next = filter.check(url)
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const response = await fetch(next.href, { ...init, headers, redirect: 'manual' })
      const location = response.headers.get('Location')
      if (!REDIRECTS.includes(response.status) || location === null) return response
      await response.body?.cancel()
      next = target(location, next, filter)
      for (const name of CREDENTIALS) headers.delete(name)
    }
    throw new HeliostatError('invalid', `Address is refused: more than ${MAX_REDIRECTS} redirects`)
  }
}

/**
 * A location with a host of its own is checked as it is written.
 * https://www.rfc-editor.org/rfc/rfc9110#section-10.2.2
 */
function target(location: string, from: URL, filter: Pick<AddressFilter, 'check'>): URL {
  const text = location.replace(/#.*$/, '')
  if (/^[a-z][a-z\d+.-]*:/i.test(text)) return filter.check(text)
  if (/^[\\/]{2}/.test(text)) return filter.check(from.protocol + text)
  if (!URL.canParse(text, from))
    throw new HeliostatError('invalid', 'Address of a redirect is no URL')
  return filter.check(new URL(text, from).href.replace(/#.*$/, ''))
}
