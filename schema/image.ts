import { createSelectSchema } from 'drizzle-zod'
import { z } from 'zod'
import { pagedListSchema, publishedProperties } from './json-schema.ts'
import { IMAGE_STATUSES, images } from './tables.ts'

export const UUID =
  /^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$/

export interface ImageFormats {
  disk_formats: string[]
  container_formats: string[]
}

type Shape = Record<string, z.ZodType>

const column = createSelectSchema(images).shape

const readOnly = <T extends z.ZodType>(type: T, description: string): T =>
  type.meta({ readOnly: true, description })

/** The base properties, in the order in which they are published. */
function baseProperties(formats: ImageFormats) {
  return {
    id: z.string().regex(UUID).meta({ description: 'An identifier for the image' }),
    name: column.name.meta({ description: 'Descriptive name for the image' }),
    status: readOnly(z.enum(IMAGE_STATUSES), 'Status of the image'),
    visibility: column.visibility.meta({ description: 'Scope of image accessibility' }),
    protected: column.protected.meta({ description: 'If true, image will not be deletable.' }),
    os_hidden: column.os_hidden.meta({
      description: 'If true, image will not appear in default image list response.',
    }),
    checksum: readOnly(column.checksum, 'MD5 hash of image contents.'),
    os_hash_algo: readOnly(column.os_hash_algo, 'Algorithm to calculate the os_hash_value'),
    os_hash_value: readOnly(
      column.os_hash_value,
      'Hexdigest of the image contents by os_hash_algo',
    ),
    owner: column.owner.meta({ description: 'Owner of the image' }),
    size: readOnly(column.size, 'Size of image file in bytes'),
    virtual_size: readOnly(column.virtual_size, 'Virtual size of image in bytes'),
    container_format: z
      .enum(formats.container_formats)
      .nullable()
      .meta({ description: 'Format of the container' }),
    disk_format: z
      .enum(formats.disk_formats)
      .nullable()
      .meta({ description: 'Format of the disk' }),
    created_at: readOnly(z.string(), 'Date and time of image registration'),
    updated_at: readOnly(z.string(), 'Date and time of the last image modification'),
    tags: z
      .array(z.string().max(255))
      .meta({ description: 'List of strings related to the image' }),
    direct_url: readOnly(z.string(), 'URL to access the image file kept in external store'),
    min_ram: column.min_ram.meta({ description: 'Amount of ram (in MB) required to boot image.' }),
    min_disk: column.min_disk.meta({
      description: 'Amount of disk space (in GB) required to boot image.',
    }),
    self: readOnly(z.string(), 'An image self url'),
    file: readOnly(z.string(), 'An image file url'),
    stores: readOnly(z.string(), 'Stores in which the image data is'),
    schema: readOnly(z.string(), 'An image schema url'),
    locations: z
      .array(location)
      .meta({ description: 'A set of URLs to access the image file kept in external store' }),
  }
}

const location = z
  .object({
    url: z.string().max(255),
    metadata: z.record(z.string(), z.unknown()),
    validation_data: z
      .strictObject({
        checksum: z.string().length(32).optional(),
        os_hash_algo: z.string().max(64),
        os_hash_value: z.string().max(128),
      })
      .meta({ writeOnly: true, description: 'Values to be used to populate the image hashes' })
      .optional(),
  })
  .loose()

const uuidOrNull = z.string().regex(UUID).nullable()

const custom = <T extends z.ZodType>(type: T, description: string): T =>
  type.meta({ is_base: false, description })

/** Properties that every cloud knows: custom ones, but typed. Glance ships them as schema-image.json. */
const commonProperties = {
  kernel_id: custom(uuidOrNull, 'ID of the image that is the kernel of this AMI-style image.'),
  ramdisk_id: custom(uuidOrNull, 'ID of the image that is the ramdisk of this AMI-style image.'),
  instance_uuid: custom(z.string(), 'Instance that this image is a snapshot of.'),
  architecture: custom(z.string(), 'Operating system architecture'),
  os_distro: custom(z.string(), 'Common name of the operating system distribution'),
  os_version: custom(z.string(), 'Operating system version as the distributor gives it'),
  description: custom(z.string(), 'A human-readable string describing this image.'),
  cinder_encryption_key_id: custom(z.string(), 'Key that this image of a volume is encrypted with'),
  cinder_encryption_key_deletion_policy: custom(
    z.enum(['on_image_deletion', 'do_not_delete']),
    'Whether the encryption key is deleted with the image',
  ),
}

const LINKS = [
  { rel: 'self', href: '{self}' },
  { rel: 'enclosure', href: '{file}' },
  { rel: 'describedby', href: '{schema}' },
]

/** The body of a create after the read-only keys are refused: any base property, and custom ones that are strings. */
export type ImageDefinition = ReturnType<typeof defineImage>

/** The image's shape for a site's formats: to check what comes in, and as the JSON Schemas that are published. */
export function defineImage(formats: ImageFormats) {
  const base = baseProperties(formats)
  const properties: Shape = { ...base, ...commonProperties }
  const { id, name, visibility, protected: isProtected, os_hidden, owner } = base
  const { container_format, disk_format, tags, min_ram, min_disk } = base
  const settable = { id, name, visibility, protected: isProtected, os_hidden, owner }
  const jsonSchema = {
    name: 'image',
    properties: publishedProperties(z.object(properties).partial()),
    additionalProperties: { type: 'string' },
    links: LINKS,
  }
  return {
    create: z
      .object({ ...settable, container_format, disk_format, tags, min_ram, min_disk })
      .extend(commonProperties)
      .partial()
      .catchall(z.string()),
    /** The type of one attribute; unknown ones are strings. */
    attribute: (key: string): z.ZodType =>
      (Object.hasOwn(properties, key) && properties[key]) || z.string(),
    jsonSchema,
    listJsonSchema: pagedListSchema('images', jsonSchema),
  }
}
