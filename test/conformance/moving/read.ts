/**
 * Reads images in a loop while the image service of a region moves: `read.ts REGION`. Each reader looks up in Keystone's
 * catalog where it is for every few images. Ends well when each has read enough at the second place; not one request may
 * fail, and no image may have other bytes than it had, or than its record tells.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { ask, findEndpoint, json, listImages, logIn, type ImageRecord } from './cloud.ts'

const READERS = 8
const READS_PER_LOOKUP = 5
const ENOUGH_AFTER = 25
const LIMIT_MS = 120_000

const [region = ''] = process.argv.slice(2)
const alice = await logIn('alice', 'demo')
const first = await findEndpoint(alice, region)
/** Those that came since are added. */
const known = await listImages(alice, first, 'status=active')
const digests = new Map<string, string>()
const counted = { before: 0, after: 0, images: 0 }
const limit = Date.now() + LIMIT_MS

async function read(endpoint: string, { id, size, os_hash_value }: ImageRecord): Promise<void> {
  const answer = await ask(alice, `${endpoint}/v2/images/${id}/file`)
  assert.equal(answer.status, 200, `${endpoint}, image ${id}: ${answer.status}`)
  const bytes = Buffer.from(await answer.arrayBuffer())
  assert.equal(bytes.length, size, `${endpoint}, image ${id}: bytes`)
  const digest = createHash('sha512').update(bytes).digest('hex')
  assert.equal(digest, os_hash_value, `${endpoint}, image ${id}: not the bytes of its record`)
  assert.equal(digest, digests.get(id) ?? digest, `${endpoint}, image ${id}: other bytes`)
  digests.set(id, digest)
}

async function newest(endpoint: string): Promise<ImageRecord[]> {
  const url = `${endpoint}/v2/images?status=active&limit=5`
  return (await json<{ images: ImageRecord[] }>(await ask(alice, url))).images
}

function pick(images: ImageRecord[]): ImageRecord {
  const image = images[Math.floor(Math.random() * images.length)]
  assert.ok(image, 'no image is listed')
  return image
}

async function readOn(): Promise<void> {
  let after = 0
  while (after < ENOUGH_AFTER) {
    assert.ok(Date.now() < limit, `The endpoint has not moved within ${LIMIT_MS} ms`)
    const endpoint = await findEndpoint(alice, region)
    known.push(...(await newest(endpoint)))
    for (let reads = 0; reads < READS_PER_LOOKUP; reads++) await read(endpoint, pick(known))
    if (endpoint === first) counted.before += READS_PER_LOOKUP
    else {
      counted.after += READS_PER_LOOKUP
      after += READS_PER_LOOKUP
    }
  }
}

await Promise.all(Array.from({ length: READERS }, readOn))
counted.images = digests.size
console.log(`   ${READERS} readers, reads before and after: ${JSON.stringify(counted)}`)
assert.ok(counted.before > 0 && counted.after > 0)
