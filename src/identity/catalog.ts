import { z } from 'zod'
import type { Send } from './keystone-http.ts'

const answer = z.object({
  catalog: z.array(
    z.object({
      type: z.string(),
      endpoints: z.array(
        z.object({
          interface: z.string(),
          region: z.string().nullish(),
          region_id: z.string().nullish(),
          url: z.string(),
        }),
      ),
    }),
  ),
})

export interface WantedEndpoint {
  /** Such as `image`. */
  type: string
  /** Null for any. */
  region: string | null
  /** `public`, `internal` or `admin`. */
  serviceInterface: string
}

/** Where a service is, by the catalog that Keystone shows to whoever has the token; null where it names none. */
export type FindEndpoint = (token: string, wanted: WantedEndpoint) => Promise<string | null>

export function createFindEndpoint(send: Send): FindEndpoint {
  return async (token, { type, region, serviceInterface }) => {
    const { status, body } = await send('/auth/catalog', { headers: { 'X-Auth-Token': token } })
    if (status !== 200)
      throw new Error(`Keystone answers ${status} to the question for its catalog`)
    const endpoints = answer
      .parse(body)
      .catalog.flatMap((service) => (service.type === type ? service.endpoints : []))
    const found = endpoints.find(
      (endpoint) =>
        (region === null || (endpoint.region_id ?? endpoint.region) === region) &&
        endpoint.interface === serviceInterface,
    )
    return found?.url ?? null
  }
}
