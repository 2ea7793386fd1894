import { createAddressFilter } from '../http/address-filter.ts'
import { createFilteredFetch } from '../http/filtered-fetch.ts'
import { createFindEndpoint } from '../identity/catalog.ts'
import { createSend } from '../identity/keystone-http.ts'
import { openGlanceDownload } from '../imports/glance-download.ts'
import { createImporter, type ImporterParts } from '../imports/importer.ts'
import type { ImportSources } from '../imports/obtaining.ts'
import { createImportRows } from '../imports/rows.ts'
import { createTaskRepo } from '../imports/tasks.ts'
import { openWebDownload } from '../imports/web-download.ts'
import type { Services } from '../services.ts'
import type { Parts } from './services.ts'
import { createSitePlugins } from './site-plugins.ts'

const HOUR_MS = 3_600_000

type SiteImportsParts = Pick<
  Parts,
  | 'config'
  | 'registry'
  | 'stores'
  | 'openFetch'
  | 'manifests'
  | 'copies'
  | 'digester'
  | 'buffers'
  | 'importTools'
>
type SiteImports = Pick<Services, 'importer' | 'plugins' | 'tasks' | 'addressFilter'>

/** What imports at a site take their bytes from, and what they go through. */
export function createSiteImports(
  site: SiteImportsParts,
  parts: Omit<ImporterParts, keyof SiteImportsParts | 'rows' | 'sources' | 'plugins' | 'options'>,
): SiteImports {
  const { config, registry, stores, openFetch, manifests, copies, digester } = site
  const plugins = createSitePlugins(site)
  const addressFilter = createAddressFilter(config.import_filtering_opts)
  const timeToLive = config.task.task_time_to_live * HOUR_MS
  const filtered = createFilteredFetch(openFetch(addressFilter), addressFilter)
  const importer = createImporter({
    ...parts,
    stores,
    manifests,
    copies,
    digester,
    rows: createImportRows(registry, timeToLive),
    plugins,
    sources: {
      openWeb: (wanted, signal) => openWebDownload(filtered, wanted, signal),
      openGlance: openGlanceSource({ config, openFetch }),
    },
    options: {
      atOnce: config.taskflow_executor.max_workers,
      timeout: config.heliostat.import_timeout * 1000,
      stageTime: config.heliostat.staged_hours * HOUR_MS,
    },
  })
  return { importer, plugins, tasks: createTaskRepo(registry, timeToLive), addressFilter }
}

/** Other regions are known by Keystone's catalog alone. */
function openGlanceSource({
  config,
  openFetch,
}: Pick<SiteImportsParts, 'config' | 'openFetch'>): ImportSources['openGlance'] {
  if (config.paste_deploy.flavor !== 'keystone') return null
  const fetch = openFetch(null)
  const { extra_properties: prefixes } = config.glance_download_properties
  const findEndpoint = createFindEndpoint(createSend(config.keystone_authtoken, fetch))
  return (wanted, options) => openGlanceDownload({ fetch, findEndpoint, prefixes }, wanted, options)
}
