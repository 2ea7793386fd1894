import { z } from 'zod'
import { HeliostatError } from '../../errors.ts'
import { readLimited } from '../../http/body.ts'
import { answerWithin } from '../../http/deadline.ts'
import type { Fetch } from '../../http/fetch.ts'
import { createFindEndpoint } from '../../identity/catalog.ts'
import { createSend } from '../../identity/keystone-http.ts'
import { type CertificateSource, MAX_PEM } from './certificates.ts'

const SECONDS = 10

export interface BarbicanOptions {
  /** Null to look for it in the catalog of Keystone. */
  barbican_endpoint: string | null
  auth_endpoint: string | null
  barbican_endpoint_type: 'public' | 'internal' | 'admin'
  /** Of the catalog; null for any. */
  barbican_region_name: string | null
}

const metadata = z.object({
  secret_type: z.string(),
  content_types: z.object({ default: z.string().regex(/^[\w.+-]+\/[\w.+-]+$/) }),
})

/**
 * Certificates that callers have stored in Barbican, asked for with their own tokens.
 * https://docs.openstack.org/barbican/latest/api/reference/secrets.html
 */
export function createBarbican(options: BarbicanOptions, fetch: Fetch): CertificateSource {
  const { auth_endpoint: auth_url, barbican_endpoint_type: serviceInterface } = options
  const wanted = { type: 'key-manager', region: options.barbican_region_name, serviceInterface }
  const findEndpoint = createFindEndpoint(
    createSend({ auth_url, http_connect_timeout: SECONDS }, fetch),
  )

  async function endpointFor(id: string, token: string | null): Promise<string | null> {
    if (options.barbican_endpoint !== null) return options.barbican_endpoint
    if (auth_url === null) return null
    if (token !== null) return findEndpoint(token, wanted)
    throw refused(id, 'There is no token to ask for it with: ask for the import again')
  }

  return {
    async find(id, token) {
      try {
        const endpoint = await endpointFor(id, token)
        if (endpoint === null) return null
        const root = `${endpoint.replace(/\/+(v1\/*)?$/, '')}/v1`
        return await readSecret(id, { url: `${root}/secrets/${id}`, token, fetch })
      } catch (cause) {
        if (cause instanceof HeliostatError) throw cause
        throw new HeliostatError(
          'unavailable',
          `Unable to retrieve certificate with ID: ${id}, since Barbican does not tell it at present`,
          { cause },
        )
      }
    },
  }
}

interface Place {
  url: string
  token: string | null
  fetch: Fetch
}

/** Its type first: Barbican gives a payload only to who names the type that it has. */
async function readSecret(id: string, place: Place): Promise<string | null> {
  const described = await ask(id, place, 'application/json')
  if (described === null) return null
  const { secret_type, content_types } = metadata.parse(JSON.parse(described))
  if (secret_type !== 'certificate') {
    throw new HeliostatError(
      'invalid',
      `Secret ${id} of Barbican is of the type "${secret_type.slice(0, 40)}", wanted "certificate"`,
    )
  }
  return ask(id, { ...place, url: `${place.url}/payload` }, content_types.default)
}

/** Null for what is not there. Throws `invalid` for what this caller may not have. */
async function ask(
  id: string,
  { url, token, fetch }: Place,
  accept: string,
): Promise<string | null> {
  const headers = { Accept: accept, ...(token !== null && { 'X-Auth-Token': token }) }
  const response = await answerWithin({ total: SECONDS * 1000 }, (signal) =>
    // A redirect would take the token elsewhere.
    fetch(url, { method: 'GET', headers, redirect: 'manual', signal }),
  )
  const { status } = response
  const text = new TextDecoder().decode(await readAnswer(id, response))
  if (status === 200) return text
  if (status === 404) return null
  if (status < 400 || status === 429 || status >= 500) throw new Error(`status ${status}`)
  const whom = token === null ? 'without a token' : 'to this caller'
  throw refused(id, `Barbican refuses it ${whom} with status ${status}`)
}

function refused(id: string, why: string): HeliostatError {
  return new HeliostatError('invalid', `Unable to retrieve certificate with ID: ${id}. ${why}`)
}

async function readAnswer(id: string, { body }: Response): Promise<Uint8Array> {
  try {
    return await readLimited(body, MAX_PEM)
  } catch (error) {
    if (!(error instanceof HeliostatError) || error.code !== 'too-large') throw error
    throw new HeliostatError('invalid', `Certificate ${id} has more than ${MAX_PEM} bytes`)
  }
}
