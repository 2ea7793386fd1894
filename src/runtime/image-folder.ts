/** Images as plain files in a folder: `ID.json` with the record, `ID.FORMAT` with the bytes. */
import { type FileHandle, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { hasDigest } from '../blobs/digest.ts'
import { makeFolders, UNFINISHED, FILE_MODE, writeWhole } from '../blobs/fs/durable.ts'
import { writeFully } from '../blobs/fs/file-bytes.ts'
import type { Manifest } from '../blobs/manifest.ts'
import { type JsonBounds, parseBounded } from '../bounded-json.ts'
import { HeliostatError } from '../errors.ts'
import type { Image } from '../images/image.ts'
import { type Listed, memberList, readImage } from '../imports/moving/record.ts'
import type { GlanceSource } from '../imports/moving/source.ts'
import { reasonOf } from '../reason.ts'
import type { CommandStores } from './command-stores.ts'

/** A record, whose properties may be long, with its members. */
const MAX_RECORD = 16 << 20
const BOUNDS: JsonBounds = { values: 200_000, width: 20_000, depth: 16 }
const RECORD = /^([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\.json$/
const PIECE = 1 << 20

type Named = Pick<Image, 'id' | 'disk_format'>

/** The file of an image's bytes. */
function dataFile(folder: string, { id, disk_format }: Named): string {
  // A format that is no word would be a path.
  const ending = /^[a-z0-9]{1,20}$/.test(disk_format ?? '') ? disk_format : 'data'
  return join(folder, `${id}.${ending}`)
}

export interface WrittenImage {
  /** As it stands in the file. */
  record: Record<string, unknown>
  image: Named
  /** Null for an image without data. */
  manifest: Manifest | null
}

export interface WriteOptions {
  signal: AbortSignal
  took(bytes: number): void
}

/** Writes images; a record that is there has its bytes beside it. */
export interface ImageFolder {
  /** False where the same is there already. */
  write(written: WrittenImage, options: WriteOptions): Promise<boolean>
}

export async function openImageFolder(
  folder: string,
  { copies, digester }: Pick<CommandStores, 'copies' | 'digester'>,
): Promise<ImageFolder> {
  await makeFolders(folder)

  async function chunk(digest: string, memory: Uint8Array): Promise<Uint8Array> {
    const bytes = await copies.chunk(digest, memory, { isWhole: hasDigest(digester, digest) })
    if (bytes) return bytes
    throw new HeliostatError('unavailable', `Its chunk ${digest} is whole in no store`)
  }

  /** Zeros are left out, which makes holes. */
  async function fill(
    file: FileHandle,
    { chunks, chunkSize, size }: Manifest,
    { memory, signal, took }: WriteOptions & { memory: Uint8Array },
  ): Promise<void> {
    for (const [position, digest] of chunks.entries()) {
      if (signal.aborted) throw signal.reason
      const offset = position * chunkSize
      const length = Math.min(chunkSize, size - offset)
      const bytes = digest === null ? null : await chunk(digest, memory.subarray(0, length))
      if (bytes) await writeFully(file, bytes, offset)
      took(length)
    }
    await file.truncate(size)
    await file.datasync()
  }

  return {
    async write({ record, image, manifest }, options) {
      const text = `${JSON.stringify(record, null, 2)}\n`
      const recordFile = join(folder, `${image.id}.json`)
      const data = dataFile(folder, image)
      const size = manifest && (await stat(data).catch(() => null))?.size
      const hasData = manifest === null || size === manifest.size
      const before = await readFile(recordFile, 'utf8').catch(() => null)
      if (hasData && before === text) return false
      if (manifest && !(hasData && before !== null)) {
        await digester.memory.lend(manifest.chunkSize, (memory) =>
          writeNew(data, (file) => fill(file, manifest, { ...options, memory })),
        )
      }
      await writeWhole(recordFile, Buffer.from(text))
      return true
    },
  }
}

/** Under a temporary name until it is whole. */
async function writeNew(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const temporary = `${path}${UNFINISHED}`
  const file = await open(temporary, 'w', FILE_MODE)
  try {
    await write(file).finally(() => file.close())
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw error
  }
}

/** The images of a folder, as if another Glance told of them. */
export function createFolderSource(folder: string): GlanceSource {
  async function read(id: string): Promise<unknown> {
    const path = join(folder, `${id}.json`)
    const { size } = await stat(path)
    if (size > MAX_RECORD) throw new Error(`it has more than ${MAX_RECORD} bytes`)
    return parseBounded(await readFile(path, 'utf8'), BOUNDS)
  }

  async function listedOf(id: string): Promise<Listed> {
    try {
      return readImage(await read(id))
    } catch (error) {
      return { unreadable: { id, reason: `${id}.json cannot be read: ${reasonOf(error)}` } }
    }
  }

  async function openData(id: string): Promise<FileHandle> {
    const listed = await listedOf(id)
    const image = 'found' in listed ? listed.found.image : { id, disk_format: null }
    return open(dataFile(folder, image), 'r')
  }

  return {
    async *images({ ids }) {
      const names = (await readdir(folder)).toSorted()
      const found = names.flatMap((name) => RECORD.exec(name)?.[1] ?? [])
      for (const id of found) if (ids.length === 0 || ids.includes(id)) yield listedOf(id)
      for (const id of ids.filter((wanted) => !found.includes(wanted))) {
        yield { unreadable: { id, reason: 'it is not in the folder' } }
      }
    },

    has: async (id) => (await stat(join(folder, `${id}.json`)).catch(() => null)) !== null,

    async members(id) {
      const document = await read(id)
      const { data } = memberList.safeParse(document)
      return data?.members ?? []
    },

    file: ({ id, size }, options) =>
      size === 0 ? new Blob().stream() : readPieces(() => openData(id), options),

    async *namespaceNames() {},
    namespace: async () => null,
  }
}

/** The bytes of a file, which is opened when the first of them is wanted. */
function readPieces(
  openFile: () => Promise<FileHandle>,
  { signal, took }: WriteOptions,
): ReadableStream<Uint8Array> {
  let file: FileHandle | null = null
  return new ReadableStream(
    {
      async pull(controller) {
        file ??= await openFile()
        const { bytesRead, buffer } = await file.read(new Uint8Array(PIECE), 0, PIECE)
        took(bytesRead)
        if (bytesRead > 0 && !signal.aborted) {
          return controller.enqueue(buffer.subarray(0, bytesRead))
        }
        await file.close()
        if (signal.aborted) throw signal.reason
        controller.close()
      },
      cancel: async () => file?.close(),
    },
    { highWaterMark: 0 },
  )
}
