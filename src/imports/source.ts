import { z } from 'zod'

/** What else bytes bring with them, for an image that becomes active by them. */
export const extras = z.object({
  /** Null where they stay as they are. */
  record: z.object({ disk_format: z.string(), container_format: z.string() }).nullable(),
  properties: z.record(z.string(), z.string()),
})

export type Extras = z.output<typeof extras>

export const NOTHING: Extras = { record: null, properties: {} }

/** Bytes that an import takes in. */
export interface Source extends Extras {
  /** Null where nobody has said how many there are. */
  size: number | null
  body: ReadableStream<Uint8Array>
}
