import type { Image } from '../images/image.ts'

/** Bytes that an import takes in. */
export interface Source {
  /** Bytes; null where nobody has said. */
  size: number | null
  body: ReadableStream<Uint8Array>
  /** What else they bring with them, for an image that becomes active by them. */
  record: Partial<Pick<Image, 'disk_format' | 'container_format'>>
  properties: Readonly<Record<string, string>>
}
