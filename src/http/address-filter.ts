import ipaddr from 'ipaddr.js'
import { HeliostatError } from '../errors.ts'

/** Glance's `[import_filtering_opts]`. Of a kind that has an allow list the deny list is ignored. */
export interface AddressRules {
  /** `http`, `https`; no other is ever allowed, whatever stands here. */
  allowed_schemes: readonly string[]
  disallowed_schemes: readonly string[]
  /** Where there are any, no others are allowed; and these may have private addresses. */
  allowed_hosts: readonly string[]
  disallowed_hosts: readonly string[]
  /** Compared with the port of a URL only where it names one. */
  allowed_ports: readonly number[]
  disallowed_ports: readonly number[]
}

/** What every address goes through that a user can choose. Both throw where it is refused [invalid]. */
export interface AddressFilter {
  /** The URL as it was given, by its form alone: before any parser takes one spelling of a host for another. */
  check(url: string): URL
  /** An address that a host was resolved to, before a connection is made to it, and to no other. */
  checkAddress(host: string, address: string): void
}

const SCHEMES = ['http', 'https']
/** A public address at which Azure tells a machine about itself. All other clouds do that at private ones. */
const METADATA = ['168.63.129.16']
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3')

export function createAddressFilter(rules: AddressRules): AddressFilter {
  const schemes = { allow: rules.allowed_schemes, deny: rules.disallowed_schemes }
  const ports = { allow: rules.allowed_ports, deny: rules.disallowed_ports }
  const hosts = {
    allow: rules.allowed_hosts.map(canonicalHost),
    deny: rules.disallowed_hosts.map(canonicalHost),
  }

  return {
    check(url) {
      const { scheme, host, port } = partsOf(url)
      if (!SCHEMES.includes(scheme) || !passes(scheme, schemes)) {
        const wanted = SCHEMES.filter((each) => passes(each, schemes))
        throw refused(`scheme "${scheme}"`, `wanted one of: ${wanted.join(', ')}`)
      }
      if (!passes(host, hosts)) throw refused(`host "${host}"`, allowedHosts(hosts.allow))
      if (port !== null && !passes(port, ports)) {
        const { allow, deny } = ports
        throw refused(
          `port ${port}`,
          allow.length > 0
            ? `wanted one of: ${allow.join(', ')}`
            : `wanted none of: ${deny.join(', ')}`,
        )
      }
      if (isLocal(host) && !hosts.allow.includes(host)) throw notPublic(host)
      return parsed(url, host)
    },

    checkAddress(host, address) {
      const name = canonicalHost(host)
      if (hosts.allow.includes(name)) return
      if (!isPublic(address)) throw notPublic(name)
      if (!passes(canonicalHost(address), hosts)) throw refused(`host "${name}"`, 'wanted another')
    },
  }
}

function passes<T>(
  value: T,
  { allow, deny }: { allow: readonly T[]; deny: readonly T[] },
): boolean {
  return allow.length > 0 ? allow.includes(value) : !deny.includes(value)
}

/** Takes a URL apart by its text, and refuses what parsers would mend, each in its own way. */
function partsOf(url: string): { scheme: string; host: string; port: number | null } {
  if (!/^[!-~]+$/.test(url) || /[\\"<>^`{|}]/.test(url)) {
    throw refused('a character', 'wanted only those of a URL, others percent-encoded')
  }
  // What is no part of a host, such as a fragment, is refused where a host is wanted.
  const [, scheme, authority = ''] = /^([a-z][a-z\d+.-]*):\/\/([^/?]*)/i.exec(url) ?? []
  if (scheme === undefined) throw refused('the form', 'wanted http://HOST[:PORT]/PATH')
  if (authority.includes('@')) throw refused('the user', 'wanted a URL without one')
  const [, host = '', port] =
    /^([a-z\d._-]+|\[[a-f\d:]+\])(?::([1-9]\d{0,4}))?$/i.exec(authority) ?? []
  if (!isPlainName(host) && !isPlainAddress(host)) {
    throw refused('the host', 'wanted HOST[:PORT] with a name, four decimal numbers or [IPv6]')
  }
  return {
    scheme: scheme.toLowerCase(),
    host: canonicalHost(host),
    port: port === undefined ? null : Number(port),
  }
}

/**
 * A name that ends in a number would be taken for an IPv4 address.
 * https://url.spec.whatwg.org/#ends-in-a-number-checker
 */
function isPlainName(host: string): boolean {
  const labels = host.split('.')
  const isLabel = (label: string) => /^(?!-)[\w-]{1,63}$/.test(label) && !label.endsWith('-')
  return labels.every(isLabel) && !/^(\d+|0x[\da-f]*)$/i.test(labels.at(-1) ?? '')
}

/** IPv6 that stands for an IPv4 address is another spelling of that. */
function isPlainAddress(host: string): boolean {
  if (ipaddr.IPv4.isValidFourPartDecimal(host)) return true
  const inside = /^\[(.*)\]$/.exec(host)?.[1] ?? ''
  return ipaddr.IPv6.isValid(inside) && !ipaddr.IPv6.parse(inside).isIPv4MappedAddress()
}

/** One spelling of each host, IPv6 without brackets. */
function canonicalHost(host: string): string {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  return ipaddr.IPv6.isValid(name) ? ipaddr.process(name).toString() : name
}

/** Whether a host is known not to be public without asking for its address. */
function isLocal(host: string): boolean {
  return ipaddr.isValid(host) ? !isPublic(host) : /(^|\.)localhost$/.test(host)
}

function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const ip = ipaddr.process(address)
  if (ip.range() !== 'unicast' || METADATA.includes(ip.toString())) return false
  // What the registries have not given out yet has no range of its own, and the old IPv4-compatible addresses neither.
  return ip instanceof ipaddr.IPv4 || ip.match(GLOBAL_IPV6)
}

/** What is fetched has to be what was checked. */
function parsed(url: string, host: string): URL {
  const found = URL.canParse(url) ? new URL(url) : null
  if (found && canonicalHost(found.hostname) === host) return found
  throw refused('the host', 'wanted a name that is spelled plainly')
}

function allowedHosts(allow: readonly string[]): string {
  return allow.length > 0 ? 'wanted one of allowed_hosts' : 'wanted none of disallowed_hosts'
}

function notPublic(host: string): HeliostatError {
  return refused(`host "${host}"`, 'wanted one with a public address, or one of allowed_hosts')
}

function refused(what: string, wanted: string): HeliostatError {
  return new HeliostatError('invalid', `Address is refused for ${what}: ${wanted}`)
}
