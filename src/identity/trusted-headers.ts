import { BlockList, isIP, isIPv6 } from 'node:net'
import { ConfigError } from '../errors.ts'
import { createIdentity, type Identify, parseRoles } from './caller.ts'

/**
 * Believes the identity headers that a proxy in front has set, as keystonemiddleware does. Only from the given
 * addresses (`10.0.0.0/8`, `::1`): anybody else could write the same headers.
 */
export function identifyByTrustedHeaders(addresses: string[]): Identify {
  const trusted = parseAddresses(addresses)
  return async ({ headers, peerAddress }) => {
    if (peerAddress === null || !contains(trusted, peerAddress)) return null
    if (headers.get('X-Identity-Status') !== 'Confirmed') return null
    return createIdentity({
      userId: headers.get('X-User-Id'),
      projectId: headers.get('X-Project-Id') ?? headers.get('X-Tenant-Id'),
      userDomainId: headers.get('X-User-Domain-Id'),
      projectDomainId: headers.get('X-Project-Domain-Id'),
      domainId: headers.get('X-Domain-Id'),
      systemScope: headers.get('OpenStack-System-Scope'),
      roles: parseRoles(headers.get('X-Roles') ?? headers.get('X-Role') ?? ''),
      serviceRoles: parseRoles(headers.get('X-Service-Roles') ?? ''),
    })
  }
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
    `[heliostat] trusted_addresses: got "${entry}", wanted an address or a network such as 10.0.0.0/8`,
  )
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
