import { BlockList, isIP, isIPv6 } from 'node:net'
import { getLogger } from '@logtape/logtape'
import { ConfigError } from '../errors.ts'
import { shownMistake } from '../masking.ts'
import { createIdentity, type Credentials, type Identify, parseRoles } from './caller.ts'

/** All that is believed; the README names each, so that a proxy can take away what clients send of them. */
const STATUS = 'X-Identity-Status'
const USER = 'X-User-Id'
const PROJECT = 'X-Project-Id'
const ROLES = 'X-Roles'
/** These two can only take away: a token of a whole domain or deployment may do nothing here. */
const DOMAIN = 'X-Domain-Id'
const SYSTEM = 'OpenStack-System-Scope'

const IDS = [USER, PROJECT, DOMAIN, SYSTEM]
/** What may stand in one of them: visible ASCII without a comma, which would be two headers joined. */
const ID = /^[\x21-\x2b\x2d-\x7e]*$/

const log = getLogger(['heliostat', 'identity'])

/**
 * Believes the identity headers that a proxy in front has set, as keystonemiddleware does. Only from the given
 * addresses (`10.0.0.0/8`, `::1`): anybody else could write the same headers. One that came twice is one that the proxy
 * has set beside the client's own, so then nobody is believed.
 */
export function identifyByTrustedHeaders(addresses: string[]): Identify {
  const trusted = parseAddresses(addresses)
  return async (credentials) => {
    const { headers, peerAddress } = credentials
    if (peerAddress === null || !contains(trusted, peerAddress)) return null
    const mistaken = mistakenHeader(credentials)
    if (mistaken) log.warn('Nobody is believed: {header} {mistake}', { ...mistaken, peerAddress })
    if (mistaken || headers.get(STATUS) !== 'Confirmed') return null
    return createIdentity({
      // An empty project is none.
      userId: headers.get(USER) || null,
      projectId: headers.get(PROJECT) || null,
      domainId: headers.get(DOMAIN) || null,
      systemScope: headers.get(SYSTEM) || null,
      roles: parseRoles(headers.get(ROLES) ?? ''),
    })
  }
}

/** The first header that cannot be what one proxy has set; never its value, which may be a secret. */
function mistakenHeader({ headers, isRepeated = () => false }: Credentials) {
  const repeated = [STATUS, ROLES, ...IDS].find(isRepeated)
  if (repeated) return { header: repeated, mistake: 'came more than once' }
  const odd = IDS.find((name) => !ID.test(headers.get(name) ?? ''))
  return odd ? { header: odd, mistake: 'is no single id' } : null
}

function parseAddresses(addresses: string[]): BlockList {
  const list = new BlockList()
  for (const entry of addresses) {
    const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(entry) ?? []
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    const longest = family === 'ipv6' ? 128 : 32
    const length = Number(prefix ?? longest)
    if (!isIP(address) || length > longest) throw notAnAddress(entry)
    list.addSubnet(address, length, family)
  }
  return list
}

function notAnAddress(entry: string): ConfigError {
  return new ConfigError(
    `[heliostat] trusted_addresses: got "${shownMistake(entry)}", wanted an address or a network such as 10.0.0.0/8`,
  )
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
