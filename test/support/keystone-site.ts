import { mock } from 'node:test'
import { createApp } from '../../src/app.ts'
import { startKeystone, usingKeystone } from './keystone.ts'
import { createTestServices, createTestSite } from './site.ts'

export type KeystoneSite = Awaited<ReturnType<typeof openKeystoneSite>>

/** A whole service with a stand-in for Keystone; options are those of [keystone_authtoken]. Its clocks stand still. */
export async function openKeystoneSite(options = {}, more = {}) {
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  let steady = Math.round(performance.now())
  const { mock: steadyClock } = mock.method(performance, 'now', () => steady)
  const keystone = await startKeystone()
  const site = await createTestSite({ ...usingKeystone(keystone, options), ...more })
  let { services, app } = site

  const list = async (token: string, headers = {}): Promise<Response> =>
    app.request('/v2/images', { headers: { 'X-Auth-Token': token, ...headers } })

  return {
    keystone,
    registry: site.registry,
    rememberedTokens: services.rememberedTokens,
    list,
    /** Time passes. */
    pass(seconds: number): void {
      mock.timers.tick(seconds * 1000)
      steady += seconds * 1000
    },
    /** Somebody sets the wall clock. */
    setClock(seconds: number): void {
      const now = Date.now() + seconds * 1000
      mock.timers.reset()
      mock.timers.enable({ apis: ['Date'], now })
    },
    request: async (path: string, init?: RequestInit): Promise<Response> => app.request(path, init),

    /** The status of a list of images. */
    statusOf: async (token: string, headers = {}) => (await list(token, headers)).status,

    identityOf: (headers: Record<string, string>, method = 'GET', path = '/v2/images') =>
      services.identify({ headers: new Headers(headers), method, path, peerAddress: null }),

    /** Forgets what is in memory only. */
    restart(): void {
      services = createTestServices({ ...site, config: services.config })
      app = createApp(services)
    },

    async close(): Promise<void> {
      await site.close()
      await keystone.close()
      mock.timers.reset()
      steadyClock.restore()
    },
  }
}
