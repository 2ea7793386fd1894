import { z } from 'zod'
import { EACCES, type Require } from './ceph-error.ts'
import type { Library, Pointer } from './library.ts'

/** Of the monitor's answer to "df". It is empty as long as no manager has counted. */
const Usage = z.object({
  pools: z.array(z.object({ name: z.string(), stats: z.object({ max_avail: z.number() }) })),
})

/**
 * Bytes that may still be written to a pool before it or a disk below it counts as full, replicas taken off; null where
 * the cluster does not say. That is for the user to ask who has Ceph's profile "rbd".
 */
export async function roomOf(
  library: Library,
  cluster: Pointer,
  pool: string,
  require: Require,
): Promise<number | null> {
  const command = JSON.stringify({ prefix: 'df', format: 'json' })
  const output: (Pointer | null)[] = [null]
  const length = [0]
  const result = await library.wait(
    'rados_mon_command',
    cluster,
    [command],
    1,
    null,
    0,
    output,
    length,
    null,
    null,
  )
  if (result === -EACCES) return null
  require(result, 'ask how much room is left')
  const [pointer] = output
  if (!pointer) return null
  const { pools } = Usage.parse(JSON.parse(library.take(pointer, Number(length[0]))))
  return pools.find(({ name }) => name === pool)?.stats.max_avail ?? null
}
