/** Compares all that one image service has with what another one has of it: `compare.ts URL OTHER`. */
import assert from 'node:assert/strict'
import { asked, json, listEverything, logIn, type ImageRecord, sideBySide } from './cloud.ts'

/** What each service says of itself, or finds out by itself. */
const OWN = ['self', 'file', 'schema', 'stores', 'locations', 'direct_url', 'virtual_size']
const MEMBER_FIELDS = ['member_id', 'status', 'created_at', 'updated_at']
const AT_ONCE = 4

interface Members {
  members: { [key: string]: unknown }[]
}

const [there = '', here = ''] = process.argv.slice(2)
const admin = await logIn('admin', 'admin')
const counted = { images: 0, members: 0, files: 0, bytes: 0, namespaces: 0 }

function comparable(image: ImageRecord | undefined) {
  const entries = Object.entries(image ?? {}).filter(([name]) => !OWN.includes(name))
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.toSorted() : value]),
  )
}

async function membersOf(endpoint: string, id: string) {
  const { members } = await json<Members>(await asked(admin, `${endpoint}/v2/images/${id}/members`))
  return members
    .map((member) => Object.fromEntries(MEMBER_FIELDS.map((name) => [name, member[name]])))
    .toSorted((a, b) => (String(a.member_id) < String(b.member_id) ? -1 : 1))
}

async function bytesOf(endpoint: string, id: string): Promise<Buffer> {
  const answer = await asked(admin, `${endpoint}/v2/images/${id}/file`)
  return Buffer.from(await answer.arrayBuffer())
}

async function compare(image: ImageRecord, other: ImageRecord | undefined): Promise<void> {
  const { id, name, status, visibility } = image
  const what = `${id} (${String(name)})`
  assert.deepEqual(comparable(other), comparable(image), what)
  counted.images++
  if (visibility === 'shared') {
    const members = await membersOf(there, id)
    assert.deepEqual(await membersOf(here, id), members, `members of ${what}`)
    counted.members += members.length
  }
  if (status === 'queued') return
  const bytes = await bytesOf(there, id)
  assert.ok(bytes.equals(await bytesOf(here, id)), `bytes of ${what}`)
  counted.files++
  counted.bytes += bytes.length
}

async function namespacesOf(endpoint: string) {
  const all = await json<{ namespaces: { namespace: string }[] }>(
    await asked(admin, `${endpoint}/v2/metadefs/namespaces`),
  )
  return all.namespaces.map(({ namespace }) => namespace).toSorted()
}

const images = await listEverything(admin, there)
const others = new Map((await listEverything(admin, here)).map((image) => [image.id, image]))
await sideBySide(AT_ONCE, images, (image) => compare(image, others.get(image.id)))
const namespaces = await namespacesOf(there)
assert.deepEqual(await namespacesOf(here), namespaces)
counted.namespaces = namespaces.length
console.log(`   the same: ${JSON.stringify(counted)}`)
