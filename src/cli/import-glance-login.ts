import { readFile } from 'node:fs/promises'
import { ConfigError, HeliostatError } from '../errors.ts'
import type { Fetch } from '../http/fetch.ts'
import { createSend, type Send } from '../identity/keystone-http.ts'
import { createServiceToken } from '../identity/service-token.ts'
import type { SourceTokens } from '../imports/moving/http.ts'
import { whyNot } from '../runtime/file-mistakes.ts'

type Environment = Record<string, string | undefined>

/** Seconds that Keystone has for an answer. */
const KEYSTONE_SECONDS = 30

/**
 * How the source's administrator says who he is: by the token in a file, which is read anew when it is refused; by
 * `OS_TOKEN`; or by the `OS_…` variables of an openrc file. Null where he says nothing.
 */
export function openTokens(
  { tokenFile, env }: { tokenFile?: string | undefined; env: Environment },
  fetch: Fetch,
): SourceTokens | null {
  if (tokenFile !== undefined) return fixed(() => readToken(tokenFile))
  const { OS_TOKEN: token, OS_AUTH_URL: url, OS_AUTH_TYPE: type } = env
  if (token) return fixed(async () => token)
  if (!url || type === 'none') return null
  const options = { ...loginOf(env), http_connect_timeout: KEYSTONE_SECONDS }
  const send = createSend({ ...options, auth_url: url.replace(/\/+$/, '') }, fetch)
  return createServiceToken(options, refusing(send))
}

function fixed(read: () => Promise<string>): SourceTokens {
  return { get: read, renew: read }
}

async function readToken(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new HeliostatError('unavailable', `--token-file: cannot read the file: ${whyNot(error)}`)
  })
  const token = text.trim()
  if (/^\S+$/.test(token)) return token
  throw new HeliostatError('invalid', '--token-file: wanted one line with the token in the file')
}

/** Asking again for what Keystone refuses may lock the user out. */
function refusing(send: Send): Send {
  return async (path, request) => {
    const answer = await send(path, request)
    if (answer.status < 400) return answer
    throw new HeliostatError(
      'unauthenticated',
      `Keystone refuses the OS_… variables of the environment with status ${answer.status}`,
    )
  }
}

function loginOf(env: Environment) {
  const value = (name: string) => env[name] || null
  const login = {
    auth_type: '' as const,
    username: value('OS_USERNAME'),
    password: value('OS_PASSWORD'),
    user_domain_id: value('OS_USER_DOMAIN_ID'),
    user_domain_name: value('OS_USER_DOMAIN_NAME'),
    project_name: value('OS_PROJECT_NAME') ?? value('OS_TENANT_NAME'),
    project_domain_id: value('OS_PROJECT_DOMAIN_ID'),
    project_domain_name: value('OS_PROJECT_DOMAIN_NAME'),
    application_credential_id: value('OS_APPLICATION_CREDENTIAL_ID'),
    application_credential_secret: value('OS_APPLICATION_CREDENTIAL_SECRET'),
  }
  const wanted =
    login.application_credential_id === null
      ? {
          OS_USERNAME: login.username,
          OS_PASSWORD: login.password,
          OS_PROJECT_NAME: login.project_name,
        }
      : { OS_APPLICATION_CREDENTIAL_SECRET: login.application_credential_secret }
  const missing = Object.entries(wanted).flatMap(([name, given]) => (given === null ? [name] : []))
  if (missing.length === 0) return login
  throw new ConfigError(`OS_AUTH_URL is set: wanted also ${missing.join(', ')}`)
}
