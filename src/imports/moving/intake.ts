import type { Digester, HashAlgorithm } from '../../blobs/digest.ts'
import { HeliostatError } from '../../errors.ts'
import type { FoundImage, Image } from '../../images/image.ts'
import type { ImageRepo } from '../../images/repo.ts'
import { createUploader, type UploadParts } from '../../images/upload/uploader.ts'
import { createUploadRepo } from '../../images/upload/rows.ts'
import type { Registry } from '../../registry/database.ts'
import type { Store } from '../../stores/store.ts'
import type { Adoption } from './adoption.ts'
import { updated } from './comparison.ts'
import type { SourceDigests, SourceImage } from './record.ts'
import { createMovingRows } from './rows.ts'

const EVERYBODY = { isAdmin: true, projectId: null }
/** What the source has let a project have is not refused for being too much here. */
const NO_QUOTAS = { image_property_quota: -1, image_tag_quota: -1 }
const NO_LIMITS = { refuseMore: async () => undefined }
/** The source has verified them: by now their certificates may have expired. That the bytes are the same, digests tell. */
const NO_SIGNATURES = { open: async () => null }
const NONE = { limits: NO_LIMITS, signatures: NO_SIGNATURES }

export interface IntakeParts extends Omit<UploadParts, 'uploads' | 'limits' | 'signatures'> {
  registry: Registry
  images: ImageRepo
  /** Where the bytes go. */
  store: Store
  formats: { disk_formats: string[]; container_formats: string[] }
  /** Null where all bytes are copied. */
  adoption: Adoption | null
}

/** Takes images of the source over; `gone` for one that was deleted here. */
export interface Intake {
  find(id: string): Promise<FoundImage | null>
  /** Makes the record of an image without data. */
  record(source: SourceImage): Promise<void>
  /** Makes the image from its bytes; where they are not the ones that the source tells of, nothing of them is kept. */
  take(source: SourceImage, here: FoundImage | null, bytes: TakeBytes): Promise<'taken' | 'adopted'>
  update(source: SourceImage, here: FoundImage): Promise<void>
  /** Ends uploads of processes that have died. */
  recover(): Promise<void>
}

type TakeBytes = (size: number) => ReadableStream<Uint8Array>

export function createIntake(parts: IntakeParts): Intake {
  const { registry, images, formats, adoption } = parts
  const rows = createMovingRows(registry)

  async function update(source: SourceImage, here: FoundImage): Promise<void> {
    refuseFormats(source.image, formats)
    const { status } = source
    const { updated_at: at } = source.image
    const changed = await images.update(here, updated(here, source), NO_QUOTAS)
    const isOther = here.status !== status && here.status !== 'queued'
    const moved = isOther ? await images.changeStatus(here, status, at) : true
    if (!changed || !moved) throw new HeliostatError('conflict', 'It was changed here meanwhile')
  }

  async function create({ image }: SourceImage): Promise<void> {
    refuseFormats(image, formats)
    await images.create(image).catch(async (error: unknown) => {
      if (!(error instanceof HeliostatError) || error.code !== 'conflict') throw error
      if (await images.find(image.id, EVERYBODY)) {
        throw new HeliostatError('conflict', 'Somebody else has made it here at the same time')
      }
      throw new HeliostatError('gone', 'It was deleted here, and an id is never given again')
    })
  }

  async function upload(source: SourceImage, bytes: TakeBytes): Promise<void> {
    const { image, size } = source
    if (size === null) throw new HeliostatError('invalid', 'The source does not tell its size')
    const uploader = createImageUploader(parts, source)
    const { store } = parts
    const { owner: projectId } = image
    const whose = { projectId, token: null }
    const request = { intake: 'upload', expectedSize: size, ...whose, store } as const
    await uploader.upload(image, () => bytes(size), request)
  }

  return {
    find: (id) => images.find(id, EVERYBODY),
    record: create,
    update,

    async take(source, here, bytes) {
      if (here) await update(source, here)
      else await create(source)
      try {
        if (await adoption?.adopt(source)) return 'adopted'
        await upload(source, bytes)
        return 'taken'
      } catch (error) {
        if (!here) await rows.forget(source.image.id)
        throw error
      }
    },

    async recover() {
      const uploads = createUploadRepo(registry)
      await createUploader({ ...parts, uploads, ...NONE }).recover()
    },
  }
}

/** For this very image: it is hashed as the source has done it, and ends up in its status there, with its date. */
function createImageUploader(parts: IntakeParts, { image, status, digests }: SourceImage) {
  const ending = { status, updated_at: image.updated_at }
  const { hashing_algorithm } = parts.options
  return createUploader({
    ...parts,
    uploads: createUploadRepo(parts.registry, Infinity, ending),
    ...NONE,
    digester: verifying(parts.digester, digests),
    options: {
      ...parts.options,
      hashing_algorithm: digests.hash?.algorithm ?? hashing_algorithm,
      image_size_cap: Infinity,
    },
  })
}

/** Fails at the end of bytes that are not the ones that are wanted. */
function verifying(digester: Digester, { hash, checksum }: SourceDigests): Digester {
  return {
    ...digester,
    start(algorithm: HashAlgorithm, kind) {
      const stream = digester.start(algorithm, kind)
      return {
        ...stream,
        async finish() {
          const found = await stream.finish()
          if (hash) requireSame(`os_hash_value (${hash.algorithm})`, hash.value, found.hashValue)
          else if (found.checksum !== null) requireSame('checksum', checksum, found.checksum)
          return found
        },
      }
    },
  }
}

function requireSame(what: string, wanted: string | null, found: string): void {
  if (wanted === null || wanted === found) return
  throw new HeliostatError(
    'invalid',
    `The source sends other bytes than it tells of: their ${what} is ${found}, wanted ${wanted}`,
  )
}

function refuseFormats(
  { disk_format, container_format }: Image,
  { disk_formats, container_formats }: IntakeParts['formats'],
): void {
  const [format, option] =
    disk_format !== null && !disk_formats.includes(disk_format)
      ? [disk_format, 'disk_formats']
      : [container_format, 'container_formats']
  const known = option === 'disk_formats' ? disk_formats : container_formats
  if (format === null || known.includes(format)) return
  throw new HeliostatError(
    'invalid',
    `Its format "${format}" is not among [image_format] ${option}`,
  )
}
