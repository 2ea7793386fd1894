import { getLogger } from '@logtape/logtape'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { HeliostatError } from '../errors.ts'
import type { Fetch } from '../http/fetch.ts'
import { reasonOf } from '../reason.ts'
import { createKeystoneClient, type KeystoneClient } from './keystone-client.ts'
import type { KeystoneOptions } from './keystone-http.ts'
import { createLru } from '../lru.ts'

/** For how long a project's last known limits hold while Keystone says nothing. */
const KEPT_MS = 60 * 60_000
const MAX_PROJECTS = 10_000

const log = getLogger(['heliostat', 'keystone'])

/**
 * By the name of a resource, such as `image_size_total`. A name for which the administrator has registered no limit in
 * Keystone (`openstack registered limit create`) is not among them.
 */
export type Limits = ReadonlyMap<string, number>

/** Limits of projects, asked of Keystone each time, so that a change holds at once. */
export interface KeystoneLimits {
  /** Without a project those that are registered for all. Throws `unavailable` when they are not known [503]. */
  limitsOf(projectId: string | null): Promise<Limits>
}

interface KeystoneLimitsParts {
  /** As a user of the whole deployment: to one of a project Keystone shows no other project's limits. */
  client: Pick<KeystoneClient, 'request'>
  /** Of the Image service: limits are registered for its service and region. */
  endpointId: string
}

/** Unified limits in the flat model: a project's own limit wins over the one that is registered for all. */
export function createKeystoneLimits({ client, endpointId }: KeystoneLimitsParts): KeystoneLimits {
  const remembered = createLru<{ limits: Limits; at: number }>(MAX_PROJECTS)
  let place: URLSearchParams | null = null

  async function ask(projectId: string | null): Promise<Limits> {
    place ??= await findPlace(client, endpointId)
    const [registered, own] = await Promise.all([
      read(client, `/registered_limits?${place}`, registeredLimits),
      projectId === null ? [] : read(client, ownLimitsPath(place, projectId), ownLimits),
    ])
    return new Map([...registered, ...own])
  }

  return {
    async limitsOf(projectId) {
      const key = projectId ?? ''
      try {
        const limits = await ask(projectId)
        remembered.set(key, { limits, at: performance.now() })
        return limits
      } catch (error) {
        const known = remembered.get(key)
        log.warn('The limits of project {project} cannot be asked for: {reason}', {
          project: projectId,
          reason: reasonOf(error),
        })
        if (known && performance.now() - known.at < KEPT_MS) return known.limits
        throw unknownLimits(error)
      }
    },
  }
}

/** Null where the configuration does not ask for limits. */
export function openKeystoneLimits(config: Config, fetch: Fetch): KeystoneLimits | null {
  const { endpoint_id: endpointId } = config.oslo_limit
  if (!config.DEFAULT.use_keystone_limits || endpointId === null) return null
  return createKeystoneLimits({
    client: createKeystoneClient(limitReader(config), fetch),
    endpointId,
  })
}

/** Who asks for limits: the user of `[oslo_limit]`, otherwise the one who validates tokens, for the whole deployment. */
function limitReader({ keystone_authtoken, oslo_limit }: Config): KeystoneOptions {
  const { username, password, user_domain_id, user_domain_name, system_scope } = oslo_limit
  return {
    ...keystone_authtoken,
    auth_url: oslo_limit.auth_url ?? keystone_authtoken.auth_url,
    ...(username !== null && { username, password, user_domain_id, user_domain_name }),
    // Keystone binds an application credential to the project in which it was made: its token is never one of the whole
    // deployment, and so may not read the limits of other projects.
    auth_type: 'password',
    system_scope,
  }
}

const endpoint = z.object({
  endpoint: z.object({ service_id: z.string(), region_id: z.string().nullish() }),
})

type Entry = [resource: string, limit: number]

const registeredLimits = z
  .object({
    registered_limits: z.array(
      z.object({ resource_name: z.string(), default_limit: z.number().int() }),
    ),
  })
  .transform(({ registered_limits }) =>
    registered_limits.map((limit): Entry => [limit.resource_name, limit.default_limit]),
  )

const ownLimits = z
  .object({
    limits: z.array(z.object({ resource_name: z.string(), resource_limit: z.number().int() })),
  })
  .transform(({ limits }) =>
    limits.map((limit): Entry => [limit.resource_name, limit.resource_limit]),
  )

/** The service and the region of an endpoint, as limits are filtered by them. */
async function findPlace(
  client: Pick<KeystoneClient, 'request'>,
  endpointId: string,
): Promise<URLSearchParams> {
  const path = `/endpoints/${encodeURIComponent(endpointId)}`
  const { service_id, region_id } = (await read(client, path, endpoint)).endpoint
  return new URLSearchParams({ service_id, ...(region_id && { region_id }) })
}

function ownLimitsPath(place: URLSearchParams, projectId: string): string {
  return `/limits?${new URLSearchParams([...place, ['project_id', projectId]])}`
}

async function read<T>(
  client: Pick<KeystoneClient, 'request'>,
  path: string,
  shape: z.ZodType<T>,
): Promise<T> {
  const { status, body } = await client.request(path)
  if (status !== 200) {
    throw new Error(
      `GET ${path} is answered with status ${status}. Check [oslo_limit] endpoint_id, and whether its user has the ` +
        'role reader on the whole deployment (system scope)',
    )
  }
  return shape.parse(body)
}

function unknownLimits(cause: unknown): HeliostatError {
  return new HeliostatError(
    'unavailable',
    'The limits of this project are not known, since Keystone does not tell them at present',
    { cause, headers: cause instanceof HeliostatError ? cause.headers : {} },
  )
}
