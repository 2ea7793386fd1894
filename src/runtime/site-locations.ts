import { createPatchLocations } from '../images/locations/patching.ts'
import { createLocationReader } from '../images/locations/reading.ts'
import { createRegisterLocation } from '../images/locations/registering.ts'
import { createLocationRepo } from '../images/locations/rows.ts'
import type { LocationView } from '../images/locations/shown.ts'
import { storageQuota } from '../images/storage-quota.ts'
import { spaceFor } from '../images/usage.ts'
import type { Services } from '../services.ts'
import type { Parts } from './services.ts'

type SiteLocationsParts = Pick<
  Parts,
  'config' | 'registry' | 'stores' | 'manifests' | 'digester' | 'buffers'
>
type SiteLocations = Pick<Services, 'registerLocation' | 'patchLocations' | 'locationReader'>

/** What a site makes of objects that others have stored. */
export function createSiteLocations(parts: SiteLocationsParts, view: LocationView): SiteLocations {
  const { config, registry, stores, manifests, digester, buffers } = parts
  const locations = createLocationRepo(registry)
  const { hashing_algorithm: algorithm, image_location_quota: quota } = config.DEFAULT
  const space = storageQuota(config.DEFAULT)
  const spaceOf = (owner: string | null) => spaceFor(registry, owner, space)
  const register = createRegisterLocation({ stores, locations, spaceOf, quota })
  const options = { ...config.heliostat, ...config.DEFAULT }
  return {
    registerLocation: register,
    patchLocations: createPatchLocations({ locations, register, view, algorithm }),
    locationReader: createLocationReader({
      locations,
      stores,
      manifests,
      digester,
      buffers,
      options,
    }),
  }
}
