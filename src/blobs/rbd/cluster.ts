import type { Require } from './ceph-error.ts'
import { type Library, make, type Pointer } from './library.ts'

export interface ClusterOptions {
  /** Path of ceph.conf; null for where librados looks for it. */
  conf: string | null
  user: string
  /** Seconds that a call may take. */
  timeout: number
}

/** Has a connection to a cluster used, which is ended when that fails, and otherwise by `rados_shutdown`. */
export async function connect<T>(
  library: Library,
  { conf, user, timeout }: ClusterOptions,
  require: Require,
  use: (cluster: Pointer, fsid: string) => Promise<T>,
): Promise<T> {
  const name = `client.${user}`
  const cluster = make((out) => {
    require(library.now('rados_create2', out, 'ceph', name, 0), `begin as "${name}"`)
  })
  try {
    require(library.now('rados_conf_read_file', cluster, conf), 'read the configuration')
    for (const [option, value] of Object.entries(settings(timeout))) {
      require(library.now('rados_conf_set', cluster, option, value), `set "${option}"`)
    }
    require(await library.wait('rados_connect', cluster), `connect as "${name}"`)
    return await use(cluster, fsidOf(library, cluster, require))
  } catch (error) {
    await library.settle('rados_shutdown', cluster)
    throw error
  }
}

function settings(timeout: number): Record<string, string> {
  return {
    // Without these a call may wait for ever: for a monitor, for a daemon, for room.
    client_mount_timeout: String(timeout),
    rados_mon_op_timeout: String(timeout),
    rados_osd_op_timeout: String(timeout),
    // A write into the cache is not done when it says so, and a flush may not tell that it was lost.
    rbd_cache: 'false',
    // An error tells it.
    log_to_stderr: 'false',
    err_to_stderr: 'false',
  }
}

const FSID_LENGTH = 36

function fsidOf(library: Library, cluster: Pointer, require: Require): string {
  const fsid = new Uint8Array(FSID_LENGTH + 1)
  require(library.now('rados_cluster_fsid', cluster, fsid, fsid.length), 'learn the id of it')
  return new TextDecoder().decode(fsid.subarray(0, FSID_LENGTH))
}
