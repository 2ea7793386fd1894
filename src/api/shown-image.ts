import type { Caller } from '../identity/caller.ts'
import type { FoundImage, Image } from '../images/image.ts'
import { toWire } from '../images/wire.ts'
import type { Services } from '../services.ts'

type ListedImage = Image & Pick<FoundImage, 'locations'>

/** Makes JSON of images as callers may see them. */
export interface ShownImages {
  /** For one that was just read: where the reads remember what they have found its text is made once. */
  found(image: ListedImage, caller: Caller): string
  /** For one that was just made or changed, whose copies are those that it had. */
  changed(image: Image, caller: Caller, locations: FoundImage['locations']): string
}

export function createShownImages({
  protection,
  locationView,
}: Pick<Services, 'protection' | 'locationView'>): ShownImages {
  const texts = new WeakMap<Image, string>()

  function write(image: Image, locations: FoundImage['locations']): string {
    return JSON.stringify(toWire(image, locationView.keysOf({ id: image.id, locations })))
  }

  return {
    found(image, caller) {
      // Where properties are protected it is another object for each caller.
      const readable = protection.readable(image, caller)
      const known = texts.get(readable)
      if (known !== undefined) return known
      const text = write(readable, image.locations)
      texts.set(readable, text)
      return text
    },

    changed: (image, caller, locations) => write(protection.readable(image, caller), locations),
  }
}
