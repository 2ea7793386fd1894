import { isNull } from 'drizzle-orm'
import { images } from '../../../schema/tables.ts'
import { ConfigError, HeliostatError } from '../../errors.ts'
import type { Registry } from '../../registry/database.ts'
import { findValue, forgetValues } from '../../registry/site-values.ts'
import { createFeed } from '../feed/reader.ts'
import { FOLLOWING } from './replica.ts'

/**
 * Refuses to start an edge's registry as an origin's, where its own changes and those of its upstream would contradict
 * each other, and an origin's as an edge's, which would drop all of its images.
 */
export async function requireRole(registry: Registry, isEdge: boolean): Promise<void> {
  if (await isMirror(registry)) {
    if (isEdge) return
    throw new ConfigError(
      '[mirror] upstream: got "", wanted the site that this one has followed until now. ' +
        'To go on as an origin, with the images that it has: heliostat db become-origin',
    )
  }
  const own = isEdge ? await countImages(registry) : 0
  if (own === 0) return
  throw new ConfigError(
    `[mirror] upstream: the registry has ${own} images of its own, which a mirror would drop. ` +
      'Wanted none here, or an empty data directory',
  )
}

/**
 * Whether a registry has been filled by another site, whatever the configuration says. Its images may be those of a
 * first snapshot that was broken off, before it is noted of whom it is.
 */
export async function isMirror(registry: Registry): Promise<boolean> {
  if ((await findValue(registry, 'upstream_epoch')) !== null) return true
  const hasBegun = (await findValue(registry, 'upstream_sites')) !== null
  return hasBegun && (await countImages(registry)) > 0
}

function countImages(registry: Registry): Promise<number> {
  return registry.$count(images, isNull(images.deleted_at))
}

/** Makes a registry that mirrored another site's the one that is written to; its own mirrors take a snapshot. */
export async function becomeOrigin(registry: Registry): Promise<string> {
  if (!(await isMirror(registry))) {
    throw new HeliostatError(
      'conflict',
      'This registry has followed no other site: it is an origin already, and stays as it is',
    )
  }
  await forgetValues(registry, FOLLOWING)
  return createFeed(registry).renewEpoch()
}
