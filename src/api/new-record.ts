import type { NewImage } from '../images/attributes.ts'
import type { Caller } from '../identity/caller.ts'
import type { Image } from '../images/image.ts'
import { authorizeNew, newImage } from '../images/new-image.ts'
import { refuseOverQuota } from '../images/quota.ts'
import type { Services } from '../services.ts'

/** Makes the record of an image, as far as the caller may [403] and his project has room for it [413]. */
export async function createRecord(
  { config, access, protection, limits, images }: Services,
  given: NewImage,
  caller: Caller,
): Promise<Image> {
  const image = newImage(given, caller, Date.now())
  authorizeNew(access, caller, image)
  protection.requireCreate(image, caller)
  refuseOverQuota(image, config.DEFAULT)
  await limits.refuseMore('image_count_total', caller.projectId, 1)
  await images.create(image)
  return image
}
