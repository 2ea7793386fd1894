import { join } from 'node:path'
import { createApp } from '../../src/app.ts'
import { loadConfig, type RawConfig } from '../../src/config.ts'
import { openLocalSite } from '../../src/runtime/local.ts'
import { TRUSTED } from './options.ts'
import type { TestSite } from './site.ts'

/** A site that reads the files which its configuration names, in a folder that is the test's; without a socket. */
export async function openSiteOn(folder: string, raw: RawConfig) {
  const { config } = loadConfig({
    ...TRUSTED,
    heliostat: { data_dir: join(folder, 'data') },
    ...raw,
  })
  const site = await openLocalSite(config)
  const app = createApp(site.services)
  const request: TestSite['request'] = (path, init) =>
    Promise.resolve(app.request(path, init, { peerAddress: '127.0.0.1' }))
  return { request, services: site.services, close: site.close }
}
