/** Unified limits at the stand-in for Keystone, which shows them as the real one does. */
import type { RawConfig } from '../../src/config.ts'
import type { TestKeystone } from './keystone.ts'
import { TRUSTED } from './options.ts'

const ENDPOINT = { service_id: 'image-service', region_id: 'RegionOne' }

export interface TestLimits {
  /** Resource → limit, for every project. */
  registered: Record<string, number>
  /** Project → resource → limit. */
  own: Record<string, Record<string, number>>
}

/** Registers limits, which a test may change at any time. */
export function addLimits(keystone: TestKeystone): TestLimits {
  const limits: TestLimits = { registered: {}, own: {} }
  keystone.find = (path, reader) => {
    const { pathname, searchParams } = new URL(path, keystone.url)
    if (pathname === '/endpoints/image-endpoint') return { endpoint: ENDPOINT }
    if (searchParams.get('service_id') !== ENDPOINT.service_id) return null
    if (searchParams.get('region_id') !== ENDPOINT.region_id) return null
    if (pathname === '/registered_limits') {
      return { registered_limits: rows(limits.registered, 'default_limit') }
    }
    if (pathname !== '/limits') return null
    // A token of a project sees the limits of that project only.
    const own = reader['system'] ? limits.own[searchParams.get('project_id') ?? ''] : undefined
    return { limits: rows(own ?? {}, 'resource_limit') }
  }
  return limits
}

function rows(limits: Record<string, number>, key: string) {
  return Object.entries(limits).map(([resource_name, limit]) => ({ resource_name, [key]: limit }))
}

/** The configuration of a site with these limits. Its callers are known by headers. */
export function usingLimits({ url }: { url: string }): RawConfig {
  return {
    DEFAULT: { use_keystone_limits: 'true' },
    ...TRUSTED,
    keystone_authtoken: {
      auth_url: url,
      username: 'glance',
      password: 'pass-word',
      http_connect_timeout: '1',
    },
    oslo_limit: { endpoint_id: 'image-endpoint' },
  }
}
