import { getLogger } from '@logtape/logtape'
import { z } from 'zod'
import { reasonOf } from '../../reason.ts'
import type { Registry, Statement } from '../../registry/database.ts'
import { findValue, setValues } from '../../registry/site-values.ts'
import { type ImageRecord, imageRecord } from '../feed/records.ts'
import { parseAs } from '../upstream/documents.ts'

export const WITHHELD_KEY = 'withheld'

const MAX_IMAGES = 1_000
const MAX_CHARACTERS = 8 << 20

const log = getLogger(['heliostat', 'follow'])

const withheldImage = z.object({ image: imageRecord, reason: z.string() })
const withheldImages = z.array(withheldImage)

/** An image that is not shown as it is upstream, since its manifest cannot be had. An older version stays as it was. */
export type WithheldImage = z.output<typeof withheldImage>

/** The images that are withheld, also after a restart. */
export async function loadWithheld(registry: Registry): Promise<WithheldImage[]> {
  const found = await findValue(registry, WITHHELD_KEY)
  if (found === null) return []
  try {
    return parseAs(withheldImages, found)
  } catch (error) {
    const reason = reasonOf(error)
    log.error('Which images are withheld cannot be read: {reason}', { reason })
    return []
  }
}

/** For the batch that takes over what they are withheld from. Throws where they are too many. */
export function saveWithheld(registry: Registry, withheld: WithheldImage[]): Statement {
  refuseTooMany(withheld)
  return setValues(registry, { [WITHHELD_KEY]: JSON.stringify(withheld) })
}

/** A feed of which hardly anything can be served is not followed. */
export function refuseTooMany(withheld: WithheldImage[]): void {
  const characters = withheld.reduce((sum, { image }) => sum + lengthOf(image), 0)
  if (withheld.length <= MAX_IMAGES && characters <= MAX_CHARACTERS) return
  const [first] = withheld
  throw new Error(
    `Too much is withheld, ${withheld.length} images: wanted at most ${MAX_IMAGES}, and ${MAX_CHARACTERS} characters. ` +
      `Of the first, ${first?.image.id}: ${first?.reason}`,
  )
}

function lengthOf(image: ImageRecord): number {
  return JSON.stringify(image).length
}
