import { z } from 'zod'
import { usesCredential } from '../contradictions.ts'
import type { KeystoneOptions, Send } from './keystone-http.ts'
import { createSingleFlight } from './single-flight.ts'

/** Before it expires a token is renewed that early: it has to outlive the question that it goes with. */
const MARGIN_MS = 30_000

const issued = z.object({
  token: z.object({ expires_at: z.string().transform(Date.parse).pipe(z.number()) }),
})

/** The token by which this service itself is known to Keystone, renewed when it is about to expire. */
export interface ServiceToken {
  /** Null while there is none. */
  current(): string | null
  get(): Promise<string>
  /** Another one than that, which Keystone no longer takes. */
  renew(refused: string): Promise<string>
}

export function createServiceToken(
  options: Login & Pick<KeystoneOptions, 'http_connect_timeout'>,
  send: Send,
): ServiceToken {
  const share = createSingleFlight<string>(2 * options.http_connect_timeout * 1000)
  /** Until when it may be used is a time of `performance.now()`: a clock that is set must not make every request a login. */
  let token: { value: string; until: number } | null = null

  async function obtain(): Promise<string> {
    const body = { auth: authOf(options) }
    const answer = await send('/auth/tokens?nocatalog', { method: 'POST', body })
    const value = answer.headers.get('X-Subject-Token')
    if (answer.status !== 201 || !value) {
      throw new Error(`the credentials of this service are refused with status ${answer.status}`)
    }
    const lifetime = issued.parse(answer.body).token.expires_at - Date.now()
    token = { value, until: performance.now() + lifetime - MARGIN_MS }
    return value
  }

  function current(): string | null {
    return token && token.until > performance.now() ? token.value : null
  }

  return {
    current,

    get: async () => current() ?? share('', obtain),

    async renew(refused) {
      if (token?.value === refused) token = null
      return current() ?? share('', obtain)
    },
  }
}

/** Who logs in, and for which project. */
export type Login = Pick<
  KeystoneOptions,
  | 'auth_type'
  | 'username'
  | 'password'
  | 'user_domain_id'
  | 'user_domain_name'
  | 'project_name'
  | 'project_domain_id'
  | 'project_domain_name'
  | 'application_credential_id'
  | 'application_credential_secret'
  | 'system_scope'
>

/**
 * What a token is asked for with:
 * https://docs.openstack.org/api-ref/identity/v3/#password-authentication-with-scoped-authorization
 */
export function authOf(options: Login): object {
  const { application_credential_id: id, application_credential_secret: secret } = options
  // Without a scope: Keystone binds an application credential, and its tokens, to the project in which it was made.
  if (usesCredential(options)) {
    return {
      identity: { methods: ['application_credential'], application_credential: { id, secret } },
    }
  }
  const user = {
    name: options.username,
    password: options.password,
    domain: domainOf(options.user_domain_id, options.user_domain_name),
  }
  const project = {
    name: options.project_name,
    domain: domainOf(options.project_domain_id, options.project_domain_name),
  }
  const scope = options.system_scope === 'all' ? { system: { all: true } } : { project }
  return { identity: { methods: ['password'], password: { user } }, scope }
}

function domainOf(id: string | null, name: string | null) {
  if (id !== null) return { id }
  return name === null ? { id: 'default' } : { name }
}
