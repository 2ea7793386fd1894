/** Stores in which an image is one object, and that not every runtime can reach. */
import { createRbdStore } from '../blobs/rbd/store.ts'
import { createVmwareStore } from '../blobs/vmware/store.ts'
import type { Fetch } from '../http/fetch.ts'
import { MIB } from '../option-kinds.ts'
import { type Adapter, type ConfigOf, WRITES_AT_ONCE } from './store-adapters.ts'

/** Each is cut into objects that are written at once, and copied by the library. */
const RBD_WRITES_AT_ONCE = 2

/** The libraries are loaded when the store is first used. */
export async function openRbd({
  options,
}: ConfigOf<'rbd'>): Promise<Adapter & { close(): Promise<void> }> {
  const store = createRbdStore(options)
  const {
    rbd_store_pool: pool,
    rbd_store_chunk_size: chunkSize,
    rbd_store_ceph_conf: conf,
  } = options
  return {
    place: `rbd:${conf} ${pool}`,
    writesAtOnce: RBD_WRITES_AT_ONCE,
    properties: async () => ({ chunk_size: chunkSize * MIB, pool, thin_provisioning: true }),
    check: store.check,
    chunks: null,
    objects: store,
    close: store.close,
  }
}

export function openVmware({ options }: ConfigOf<'vmware'>, fetch: Fetch): Adapter {
  const host = options.vmware_server_host ?? ''
  const store = createVmwareStore(
    {
      ...options,
      vmware_server_host: host,
      vmware_server_username: options.vmware_server_username ?? '',
      vmware_server_password: options.vmware_server_password ?? '',
    },
    fetch,
  )
  const folder = options.vmware_store_image_dir
  return {
    place: `vmware:${host} ${options.vmware_datastores.join(',')} ${folder}`,
    writesAtOnce: WRITES_AT_ONCE,
    properties: async () => ({ datastores: options.vmware_datastores, image_dir: folder }),
    check: store.check,
    chunks: null,
    objects: store,
  }
}
