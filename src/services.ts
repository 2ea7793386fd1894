import type { ImageDefinition } from '../schema/image.ts'
import type { HasBytes, OpenBody } from './blobs/body.ts'
import type { Config } from './config.ts'
import type { Identify } from './identity/caller.ts'
import type { Policy } from './identity/policy.ts'
import type { Access } from './images/access.ts'
import type { MemberRepo } from './images/members.ts'
import type { ProjectLimits } from './images/project-limits.ts'
import type { PropertyProtection } from './images/protection/properties.ts'
import type { PatchLocations } from './images/locations/patching.ts'
import type { LocationReader } from './images/locations/reading.ts'
import type { RegisterLocation } from './images/locations/registering.ts'
import type { LocationView } from './images/locations/shown.ts'
import type { ImageRepo } from './images/repo.ts'
import type { Uploader } from './images/upload/uploader.ts'
import type { Manifests } from './inventory/manifests.ts'
import type { MetadefAccess } from './metadefs/access.ts'
import type { MetadefRepo } from './metadefs/repo.ts'
import type { EdgeStatus } from './mirror/edge-status.ts'
import type { Followers } from './mirror/feed/followers.ts'
import type { Feed } from './mirror/feed/reader.ts'
import type { ImageCache } from './mirror/pinning/image-cache.ts'
import type { Readiness } from './readiness.ts'
import type { AddressFilter } from './http/address-filter.ts'
import type { Importer } from './imports/importer.ts'
import type { Plugins } from './imports/plugins.ts'
import type { TaskRepo } from './imports/tasks.ts'
import type { LooseObjects } from './stores/loose.ts'
import type { Stores } from './stores/store.ts'

/** Numbers of what this site does, for those who watch it. */
export interface Metrics {
  countRequest(request: { method: string; route: string; status: number; seconds: number }): void
  /** All numbers as Prometheus reads them. */
  render(): Promise<{ contentType: string; text: string }>
}

/** What a handler may use. A runtime fills it once, at its start. */
export interface Services {
  config: Config
  definition: ImageDefinition
  images: ImageRepo
  members: MemberRepo
  metadefs: MetadefRepo
  metadefAccess: MetadefAccess
  uploader: Uploader
  importer: Importer
  plugins: Plugins
  tasks: TaskRepo
  /** What addresses that users name have to pass. */
  addressFilter: AddressFilter
  limits: ProjectLimits
  manifests: Manifests
  openBody: OpenBody
  hasBytes: HasBytes
  /** Bodies from the stores that a caller prefers; null at a site that has but one. */
  openPreferred: ((prefer: readonly string[]) => OpenBody) | null
  stores: Stores
  /** What callers see of where images lie. */
  locationView: LocationView
  registerLocation: RegisterLocation
  patchLocations: PatchLocations
  locationReader: LocationReader
  looseObjects: LooseObjects
  /** Has the operator told that the registry is damaged; nothing is swept from then on. */
  noteDamage(what: string): Promise<void>
  identify: Identify
  /** How a caller may say who he is, as a `WWW-Authenticate` header tells him (RFC 9110, section 11.6.1). */
  challenge: string
  policy: Policy
  access: Access
  protection: PropertyProtection
  feed: Feed
  followers: Followers
  /** The URL of the site where changes are made, when it is not this one. */
  origin: string | null
  /** What lies here of the images, at a site that follows another one. */
  cache: ImageCache | null
  /** Whether an operator has taken this server out of service by hand. */
  isDisabled(): Promise<boolean>
  /** Whether this site can serve, and what is wrong with it. */
  readiness(): Promise<Readiness>
  /** Null where nobody reads them. */
  metrics: Metrics | null
  /** Null at the origin. */
  edge: EdgeStatus | null
  /** The token of those who look after the site on its own machine; null where there is none. */
  operatorToken: string | null
}
