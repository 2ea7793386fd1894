/** `heliostat db scrub` and `heliostat db restore`: images that wait for their deletion. */
import { type Config, isEdge } from '../config.ts'
import { HeliostatError } from '../errors.ts'
import { createImageRepo } from '../images/repo.ts'
import { isMirror } from '../mirror/follow/role.ts'
import type { Registry } from '../registry/database.ts'
import { print } from './print.ts'

export async function deletePendingImages(registry: Registry, config: Config): Promise<void> {
  await refuseAtEdge(registry, config)
  const until = Date.now() - config.DEFAULT.scrub_time * 1000
  const ids = await createImageRepo(registry).deletePending(until)
  for (const id of ids) print(id)
  print(
    `Deleted for good ${ids.length} images that were deleted before ${new Date(until).toISOString()}`,
  )
}

export async function restoreImage(registry: Registry, config: Config, id: string): Promise<void> {
  await refuseAtEdge(registry, config)
  const status = await createImageRepo(registry).restore(id, Date.now())
  print(`Image ${id} is restored, its status is ${status}`)
}

/** Whether a site is an edge. A command may not be told the upstream; the registry knows that it has one. */
export async function isAtEdge(registry: Registry, config: Config): Promise<boolean> {
  return isEdge(config) || isMirror(registry)
}

/** For what only an origin may do. */
export async function refuseAtEdge(registry: Registry, config: Config): Promise<void> {
  if (!(await isAtEdge(registry, config))) return
  const [origin] = config.mirror.upstream
  const place = origin === undefined ? '' : `: ${origin}`
  throw new HeliostatError(
    'forbidden',
    `This site is a read-only mirror, so this is done at its origin${place}`,
  )
}
