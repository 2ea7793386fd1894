import type { AddressRules } from '../../src/http/address-filter.ts'

/** Public addresses on any port. */
export const NO_RULES: AddressRules = {
  allowed_schemes: [],
  disallowed_schemes: [],
  allowed_hosts: [],
  disallowed_hosts: [],
  allowed_ports: [],
  disallowed_ports: [],
}
