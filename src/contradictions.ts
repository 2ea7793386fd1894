/** What is wrong with options together. */
import { shownMistake } from './masking.ts'
import type { Config } from './options.ts'

const LOOPBACK = ['127.0.0.1', '::1', 'localhost']

/** One sentence for each mistake that no option has by itself. */
export function contradictions(config: Config): string[] {
  return [
    ...openDoors(config),
    ...missingForTokens(config),
    ...missingForKeystone(config),
    ...missingForLimits(config),
    ...missingForUpstream(config),
  ]
}

function openDoors({ DEFAULT, paste_deploy, heliostat }: Config): string[] {
  if (paste_deploy.flavor !== '' || heliostat.allow_unauthenticated) return []
  if (LOOPBACK.includes(DEFAULT.bind_host)) return []
  return [
    `[DEFAULT] bind_host: got "${shownMistake(DEFAULT.bind_host)}", wanted a loopback address, since without ` +
      '[paste_deploy] flavor every caller is an administrator. Choose flavor = keystone, trusted or ' +
      'token, or force it with [heliostat] allow_unauthenticated = true',
  ]
}

function missingForTokens({ paste_deploy, heliostat }: Config): string[] {
  if (paste_deploy.flavor !== 'token') return []
  if (heliostat.token_file !== null || heliostat.tokens !== null) return []
  return ['[heliostat] token_file: got "", wanted a file, since flavor = token']
}

function missingForKeystone({ paste_deploy, keystone_authtoken }: Config): string[] {
  if (paste_deploy.flavor !== 'keystone') return []
  const options = usesCredential(keystone_authtoken)
    ? (['auth_url', 'application_credential_id', 'application_credential_secret'] as const)
    : (['auth_url', 'username', 'password', 'project_name'] as const)
  return options
    .filter((option) => keystone_authtoken[option] === null)
    .map((option) => `[keystone_authtoken] ${option}: got "", wanted one, since flavor = keystone`)
}

/** Whether the service logs in by an application credential, which need not be said. */
export function usesCredential({
  auth_type,
  application_credential_id,
}: Pick<Config['keystone_authtoken'], 'auth_type' | 'application_credential_id'>): boolean {
  if (auth_type !== '') return auth_type === 'v3applicationcredential'
  return application_credential_id !== null
}

/**
 * Limits are read by a user with a password: the one of `[oslo_limit]`, or else the one who validates tokens. An
 * application credential will not do, since Keystone binds it to one project and shows it no other project's limits.
 */
function missingForLimits({ DEFAULT, oslo_limit, keystone_authtoken }: Config): string[] {
  if (!DEFAULT.use_keystone_limits) return []
  const user = oslo_limit.username === null ? keystone_authtoken : oslo_limit
  const wanted = {
    endpoint_id: oslo_limit.endpoint_id,
    auth_url: oslo_limit.auth_url ?? keystone_authtoken.auth_url,
    username: user.username,
    password: user.password,
  }
  return Object.entries(wanted)
    .filter(([, value]) => value === null)
    .map(
      ([option]) => `[oslo_limit] ${option}: got "", wanted one, since use_keystone_limits = true`,
    )
}

/** Whoever has a token for an upstream does not want an origin. */
function missingForUpstream({ mirror }: Config): string[] {
  if (mirror.upstream_token === null || mirror.upstream.length > 0) return []
  return [
    '[mirror] upstream: got "", wanted the address of the site to follow (--upstream), since there is a ' +
      'token for it. To be an origin, leave upstream_token (--upstream-token-file) out',
  ]
}
