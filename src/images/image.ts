import type { images } from '../../schema/tables.ts'

type Row = typeof images.$inferSelect

export type ImageStatus = Row['status']
export type Visibility = Row['visibility']

/** Only `kernel_id` and `ramdisk_id` may be null. */
export type Properties = Record<string, string | null>

/** One image as the registry knows it: the base columns, its tags and its custom properties. */
export interface Image extends Row {
  tags: string[]
  /** Custom properties, including the reserved `os_glance_*` ones. */
  properties: Properties
}

/** A copy of an image that can be read. */
export interface Location {
  id: number
  store: string
  /** Null for chunks. */
  url: string | null
  /** Null for an object that has not been read yet. */
  blob: string | null
  metadata: Record<string, unknown>
}

/** An image as it was found for one viewer. */
export interface FoundImage extends Image {
  /** In the order in which they came. */
  locations: Location[]
  /** The digest of the blob that holds its bytes, if it has any. */
  blob: string | null
  /** Whether it is shared with the viewer's project, whatever the member's status. */
  isMember: boolean
}
