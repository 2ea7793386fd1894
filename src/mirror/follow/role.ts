import { isNull } from 'drizzle-orm'
import { images } from '../../../schema/tables.ts'
import { ConfigError } from '../../errors.ts'
import type { Registry } from '../../registry/database.ts'
import { findValue, forgetValues } from '../../registry/site-values.ts'
import { createFeed } from '../feed/reader.ts'
import { FOLLOWING } from './replica.ts'

/**
 * Refuses to start an edge's registry as an origin's, where its own changes and those of its upstream would contradict
 * each other, and an origin's as an edge's, which would drop all of its images.
 */
export async function requireRole(registry: Registry, isEdge: boolean): Promise<void> {
  const own = await registry.$count(images, isNull(images.deleted_at))
  if (await hasFollowed(registry, own)) {
    if (isEdge) return
    throw new ConfigError(
      '[mirror] upstream: got "", wanted the site that this one has followed until now. ' +
        'To go on as an origin, with the images that it has: heliostat db become-origin',
    )
  }
  if (!isEdge || own === 0) return
  throw new ConfigError(
    `[mirror] upstream: the registry has ${own} images of its own, which a mirror would drop. ` +
      'Wanted none here, or an empty data directory',
  )
}

/** Images may be those of a first snapshot that was broken off: before it is noted whom it is of. */
async function hasFollowed(registry: Registry, images: number): Promise<boolean> {
  if ((await findValue(registry, 'upstream_epoch')) !== null) return true
  return images > 0 && (await findValue(registry, 'upstream_sites')) !== null
}

/** Makes a registry that mirrored another site's the one that is written to; its own mirrors take a snapshot. */
export async function becomeOrigin(registry: Registry): Promise<string> {
  await forgetValues(registry, FOLLOWING)
  return createFeed(registry).renewEpoch()
}
