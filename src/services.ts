import type { ImageDefinition } from '../schema/image.ts'
import type { OpenBody } from './blobs/body.ts'
import type { Manifests } from './blobs/manifests.ts'
import type { Config } from './config.ts'
import type { Identify } from './identity/caller.ts'
import type { ImageRepo } from './images/repo.ts'
import type { Feed } from './mirror/feed.ts'
import type { Uploader } from './images/upload.ts'

/** What a handler may use. A runtime fills it once, at its start. */
export interface Services {
  config: Config
  definition: ImageDefinition
  images: ImageRepo
  uploader: Uploader
  manifests: Manifests
  openBody: OpenBody
  identify: Identify
  feed: Feed
  /** The URL of the site where changes are made, when it is not this one. */
  origin: string | null
  /** Whether an operator has taken this server out of service by hand. */
  isDisabled(): Promise<boolean>
}
