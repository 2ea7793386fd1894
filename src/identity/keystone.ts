import { shownValue } from '../masking.ts'
import { allowsRequest } from './access-rules.ts'
import { type Identify, tokenOf } from './caller.ts'
import type { KeystoneClient } from './keystone-client.ts'
import type { KeystoneOptions } from './keystone-http.ts'
import type { TokenStore } from './token-cache.ts'
import { createTokenValidation } from './token-validation.ts'

interface KeystoneParts {
  options: KeystoneOptions
  client: Pick<KeystoneClient, 'request'>
  store: TokenStore
}

/**
 * Knows callers by the tokens of Keystone, as keystonemiddleware does, but goes on knowing them while Keystone is away.
 * Throws `unavailable` for a token that only Keystone could tell about then.
 */
export function identifyByKeystone({ options, client, store }: KeystoneParts): Identify {
  const validate = createTokenValidation({ options, client, store })

  /** The roles of the service that passes the request on; null when none has said which it is. */
  async function serviceRolesOf(headers: Headers): Promise<readonly string[] | null> {
    const token = headers.get('X-Service-Token')
    const vouched = token ? await validate(token) : null
    return vouched && vouched.identity.roles
  }

  function mayPassExpired(serviceRoles: readonly string[] | null): boolean {
    if (!serviceRoles || !options.service_token_roles_required) return serviceRoles !== null
    return options.service_token_roles.some((role) => serviceRoles.includes(role.toLowerCase()))
  }

  return async function identify({ headers, method, path }) {
    const token = tokenOf(headers)
    if (!token) return null
    const serviceRoles = await serviceRolesOf(headers)
    const vouched = await validate(token, { allowExpired: mayPassExpired(serviceRoles) })
    if (!vouched) return null
    const { identity, accessRules } = vouched
    if (accessRules && !allowsRequest(accessRules, options.service_type, { method, path })) {
      return null
    }
    return { ...identity, serviceRoles: serviceRoles ?? [] }
  }
}

/** https://docs.openstack.org/keystonemiddleware/latest/middlewarearchitecture.html */
export function keystoneChallenge(options: KeystoneOptions): string {
  const uri = options.www_authenticate_uri ?? options.auth_url ?? ''
  return `Keystone uri="${shownValue(uri)}"`
}
