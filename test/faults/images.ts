/** A site's images as its clients and its disk see them. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'libsql'

export interface ImageRecord {
  id: string
  status: string
  size: number | null
  checksum: string | null
  os_hash_value: string | null
}

export async function createImage(url: string): Promise<string> {
  const response = await fetch(`${url}/v2/images`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ disk_format: 'raw', container_format: 'bare' }),
  })
  assert.equal(response.status, 201)
  return parseImage(await response.text()).id
}

export async function showImage(url: string, id: string): Promise<ImageRecord> {
  const response = await fetch(`${url}/v2/images/${id}`)
  assert.equal(response.status, 200)
  return parseImage(await response.text())
}

export function putFile(url: string, id: string, body: BodyInit): Promise<Response> {
  return fetch(`${url}/v2/images/${id}/file`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/octet-stream' },
    body,
    // A stream goes out chunked and has no length to announce.
    duplex: 'half',
  } as RequestInit)
}

/** What a client gets of an image's bytes. */
export async function readBack(url: string, id: string) {
  const response = await fetch(`${url}/v2/images/${id}/file`)
  const md5 = createHash('md5')
  let size = 0
  for await (const part of response.body ?? []) {
    md5.update(part)
    size += part.length
  }
  return { status: response.status, size, md5: md5.digest('hex') }
}

/** Every file below the folder of the chunks, by name. */
export async function chunkFiles(dataDir: string): Promise<string[]> {
  const folder = join(dataDir, 'chunks')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .toSorted()
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

function parseImage(text: string): ImageRecord {
  return JSON.parse(text)
}
