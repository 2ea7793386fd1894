import type { Config } from '../config.ts'
import { createCopyRows } from '../images/locations/copies.ts'
import { storageQuota } from '../images/storage-quota.ts'
import type { Registry } from '../registry/database.ts'
import type { CopierParts } from '../stores/copy.ts'
import { type Copier, createCopier } from '../stores/copying.ts'

export interface SiteCopierParts extends Omit<CopierParts, 'rows'> {
  config: Config
  registry: Registry
}

/** A copier that holds owners to their quota, unless `isMove`: what is moved takes no more in the end. */
export function createSiteCopier(
  { config, registry, ...parts }: SiteCopierParts,
  isMove = false,
): Copier {
  const quota = isMove ? Infinity : storageQuota(config.DEFAULT)
  return createCopier({ ...parts, rows: createCopyRows(registry, quota) })
}
