/** What a server under test holds: asked of the server, and read beside it from its disk. */
import { createHash } from 'node:crypto'
import { open, readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'libsql'
import { BARE_RAW, createImage, downloadData, showImage, uploadData } from '../support/images.ts'
import { siteAt } from '../support/mirrors.ts'

export async function createRaw(url: string): Promise<string> {
  const { id } = await createImage(siteAt(url), BARE_RAW)
  return id
}

export function show(url: string, id: string) {
  return showImage(siteAt(url), id)
}

export function upload(
  url: string,
  id: string,
  body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
): Promise<Response> {
  return uploadData(siteAt(url), id, body)
}

/** What a client gets of an image's bytes. */
export async function readBack(url: string, id: string) {
  const response = await downloadData(siteAt(url), id)
  const md5 = createHash('md5')
  let size = 0
  for await (const part of response.body ?? []) {
    md5.update(part)
    size += part.length
  }
  return { status: response.status, size, md5: md5.digest('hex') }
}

/** Every file in the folders of chunks, by name. */
export async function chunkFiles(dataDir: string): Promise<string[]> {
  const folder = join(dataDir, 'chunks')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isFile() && entry.parentPath !== folder)
    .map((entry) => entry.name)
    .toSorted()
}

/** As if the time had passed for which no sweeper touches a file that may still be written. */
export async function ageUnfinished(dataDir: string): Promise<void> {
  for (const name of await chunkFiles(dataDir)) {
    if (name.endsWith('.tmp')) await utimes(join(dataDir, 'chunks', name.slice(0, 2), name), 0, 0)
  }
}

/** Opens the database of a server beside it. */
export function openDatabase(dataDir: string) {
  const database = new Database(join(dataDir, 'registry.db'), { timeout: 5_000 })
  return {
    run: (sql: string) => database.prepare(sql).run(),
    column: (sql: string): unknown[] =>
      database
        .prepare(sql)
        .raw(true)
        .all()
        .map((row: unknown) => (Array.isArray(row) ? row[0] : null)),
    close: () => database.close(),
  }
}

/** Damages one byte of a file, which keeps its length. */
export async function flipByte(path: string, position = 4711): Promise<void> {
  const file = await open(path, 'r+')
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, position)
  await file.write(Buffer.from([255 - (buffer[0] ?? 0)]), 0, 1, position)
  await file.close()
}
