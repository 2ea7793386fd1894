import { createChunkBuffers } from '../blobs/chunk-buffers.ts'
import { createSpool } from '../blobs/fs/spool.ts'
import { createLocationRepo } from '../images/locations/rows.ts'
import type { ImageRepo } from '../images/repo.ts'
import { createAdoption } from '../imports/moving/adoption.ts'
import { createIntake, type Intake } from '../imports/moving/intake.ts'
import { createSweeper } from '../inventory/sweep.ts'
import { type Store, sweptStore } from '../stores/store.ts'
import type { CommandStores } from './command-stores.ts'
import { chunkFolder } from './local-stores.ts'

/** What takes images of another Glance into a store of this site. */
export function createSiteIntake(
  { config, registry, stores, looseObjects, digester }: CommandStores,
  { images, store, adopts }: { images: ImageRepo; store: Store; adopts: boolean },
): Intake {
  const swept = stores.all.flatMap(sweptStore)
  return createIntake({
    registry,
    images,
    store,
    looseObjects,
    digester,
    sweeper: createSweeper({ registry, stores: swept, damage: () => null }),
    buffers: createChunkBuffers({ ...digester, spool: createSpool(chunkFolder(config)) }),
    formats: config.image_format,
    adoption: adopts ? createAdoption({ stores, locations: createLocationRepo(registry) }) : null,
    options: {
      ...config.heliostat,
      ...config.DEFAULT,
      ...config.image_format,
      unpacks: false,
    },
  })
}
