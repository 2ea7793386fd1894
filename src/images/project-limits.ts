import { HeliostatError } from '../errors.ts'
import type { KeystoneLimits, Limits } from '../identity/keystone-limits.ts'
import type { Registry } from '../registry/database.ts'
import { type Usage, usageOf } from './usage.ts'

const MIB = 1024 * 1024

/** Keystone's word for no limit. */
const UNLIMITED = -1

/** What Keystone may limit, by the names under which its administrators register it; bytes are in MiB there. */
const RESOURCES = {
  image_size_total: ({ storedBytes }: Usage) => Math.floor(storedBytes / MIB),
  image_stage_total: ({ stagedBytes }: Usage) => Math.floor(stagedBytes / MIB),
  image_count_total: ({ images }: Usage) => images,
  image_count_uploading: ({ uploading }: Usage) => uploading,
}

type Resource = keyof typeof RESOURCES

export interface LimitedUsage {
  limit: number
  usage: number
}

/** Holds projects to the limits that Keystone has for them. */
export interface ProjectLimits {
  /**
   * Refuses more of a resource than the project may have [413]. As in Glance only what is there already counts
   * against a size: one image may go beyond.
   */
  refuseMore(resource: Resource, projectId: string | null, more: number): Promise<void>
  /** Every limit of a project, and what it has of it; nothing where there are no limits. */
  usageOf(projectId: string | null): Promise<Record<string, LimitedUsage>>
}

/** Without Keystone's limits nothing is limited. */
export function createProjectLimits(
  registry: Registry,
  keystone: KeystoneLimits | null,
): ProjectLimits {
  return {
    async refuseMore(resource, projectId, more) {
      if (!keystone) return
      const limit = limitOf(await keystone.limitsOf(projectId), resource)
      const usage = RESOURCES[resource](await usageOf(registry, projectId))
      if (limit === UNLIMITED || usage + more <= limit) return
      throw new HeliostatError(
        'too-large',
        `Project ${projectId} is over a limit for [Resource ${resource} is over limit of ${limit} ` +
          `due to current usage ${usage} and delta ${more}]`,
      )
    },

    async usageOf(projectId) {
      if (!keystone) return {}
      const [limits, usage] = await Promise.all([
        keystone.limitsOf(projectId),
        usageOf(registry, projectId),
      ])
      return Object.fromEntries(
        Object.entries(RESOURCES).map(([name, count]) => [
          name,
          { limit: limitOf(limits, name), usage: count(usage) },
        ]),
      )
    },
  }
}

/** As in Glance a resource for which no limit is registered in Keystone has the limit 0: nobody may have any of it. */
function limitOf(limits: Limits, resource: string): number {
  return limits.get(resource) ?? 0
}
