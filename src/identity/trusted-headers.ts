import { BlockList, isIPv6 } from 'node:net'
import { createCaller, type Identify } from './caller.ts'

/**
 * Believes the identity headers that a proxy in front has set, as keystonemiddleware does. Only from the given
 * addresses (`10.0.0.0/8`, `::1`): anybody else could write the same headers.
 */
export function identifyByTrustedHeaders(addresses: string[]): Identify {
  const trusted = parseAddresses(addresses)
  return async ({ headers, peerAddress }) => {
    if (peerAddress === null || !contains(trusted, peerAddress)) return null
    if (headers.get('X-Identity-Status') !== 'Confirmed') return null
    const project = headers.get('X-Project-Id') ?? headers.get('X-Tenant-Id')
    const roles = headers.get('X-Roles') ?? headers.get('X-Role') ?? ''
    return createCaller(headers.get('X-User-Id'), project, roles)
  }
}

function parseAddresses(addresses: string[]): BlockList {
  const list = new BlockList()
  for (const entry of addresses) {
    const [address = '', prefix] = entry.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
