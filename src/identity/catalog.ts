import { z } from 'zod'
import type { Send } from './keystone-http.ts'

/** The services that a token leads to, as Keystone lists them. */
export const catalogSchema = z.array(
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
)

type Catalog = z.output<typeof catalogSchema>

const answer = z.object({ catalog: catalogSchema })

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
    return endpointOf(answer.parse(body).catalog, { type, region, serviceInterface })
  }
}

/** Null where the catalog names none. */
export function endpointOf(
  catalog: Catalog,
  { type, region, serviceInterface }: WantedEndpoint,
): string | null {
  const endpoints = catalog.flatMap((service) => (service.type === type ? service.endpoints : []))
  const found = endpoints.find(
    (endpoint) =>
      (region === null || [endpoint.region, endpoint.region_id].includes(region)) &&
      endpoint.interface === serviceInterface,
  )
  return found?.url ?? null
}
