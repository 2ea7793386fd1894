/** Images of the peers that speak the Image API, made as their users make them. */
import { createCipheriv, randomBytes } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { z } from 'zod'
import type { Lab } from './lab.ts'

export const MIB = 1 << 20
export const GIB = 1 << 30

const PART = 4 * MIB
/** Where a disk has the mark of a boot sector, which random bytes should not have by chance. */
const BOOT_MARK = 510

const created = z.object({ id: z.string() })

/** A service that speaks the Image API, and how it is to be asked. */
export interface ImageService {
  url: string
  headers: Record<string, string>
}

/** Writes a file of random bytes. */
export async function writeRandom(path: string, size: number): Promise<void> {
  // A stream cipher makes them many times faster than the system.
  const cipher = createCipheriv('aes-256-ctr', randomBytes(32), randomBytes(16))
  const zeros = Buffer.alloc(PART)
  const file = await open(path, 'w')
  try {
    for (let offset = 0; offset < size; offset += PART) {
      const part = cipher.update(zeros).subarray(0, size - offset)
      if (offset === 0) part.fill(0, BOOT_MARK, BOOT_MARK + 2)
      await writeAll(file, part, offset)
    }
  } finally {
    await file.close()
  }
}

/** Changes a few bytes of each MiB, so that no chunk of it is known to a service that has had the file before. */
export async function freshen(path: string, size: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    for (let offset = MIB / 2; offset < size; offset += MIB) {
      await writeAll(file, randomBytes(16), offset)
    }
  } finally {
    await file.close()
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  const { bytesWritten } = await file.write(bytes, 0, bytes.length, offset)
  if (bytesWritten !== bytes.length) throw new Error('The disk is full')
}

/** Makes a raw image without data and returns its id. Not public, which a Glance without Keystone forbids everybody. */
export async function createImage(
  { url, headers }: ImageService,
  attributes: Record<string, unknown> = {},
): Promise<string> {
  const response = await fetch(`${url}/v2/images`, {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      name: 'bench',
      disk_format: 'raw',
      container_format: 'bare',
      ...attributes,
    }),
  })
  if (response.status !== 201) {
    throw new Error(`${url} refuses an image: ${response.status} ${await response.text()}`)
  }
  return created.parse(await response.json()).id
}

/** Uploads a file by a curl of its own. */
export async function upload(
  lab: Lab,
  { url, headers }: ImageService,
  { id, file }: { id: string; file: string },
): Promise<void> {
  const all = { ...headers, 'Content-Type': 'application/octet-stream' }
  await lab.command('curl', [
    ...['--silent', '--show-error', '--fail-with-body', '--upload-file', file],
    ...Object.entries(all).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
    `${url}/v2/images/${id}/file`,
  ])
}

export async function removeImage({ url, headers }: ImageService, id: string): Promise<void> {
  const response = await fetch(`${url}/v2/images/${id}`, { method: 'DELETE', headers })
  if (response.status !== 204) throw new Error(`${url} removes no image: ${response.status}`)
}

/** An image with the bytes of a file; returns what can be downloaded. */
export async function publish(
  lab: Lab,
  service: ImageService,
  file: string,
  attributes: Record<string, unknown> = {},
) {
  const id = await createImage(service, attributes)
  await upload(lab, service, { id, file })
  return { id, url: `${service.url}/v2/images/${id}/file`, headers: service.headers }
}
