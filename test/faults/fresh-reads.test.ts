/** What a site remembers of its registry is never told when it is old: neither after its own writes nor after another process's. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { eq } from 'drizzle-orm'
import { images } from '../../schema/tables.ts'
import { openRegistry } from '../../src/registry/database.ts'
import { openEmbedded } from '../../src/registry/embedded.ts'
import { BARE_RAW, createImage, postImage, uploadData } from '../support/images.ts'
import { environmentOf, TRUSTED } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { startOnNode } from '../support/server.ts'
import { ADMIN, asCaller, temporaryFolder } from '../support/site.ts'

const READERS = 6
const WRITES = 60
const MEMBER = asCaller('other')
const OPEN_RULES = 'get_image: ""\n'
const CLOSED_RULES = 'get_image: role:admin\n'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let policyFile: string
let server: RunningProcess
before(async () => {
  folder = await temporaryFolder()
  policyFile = join(folder.path, 'policy.yaml')
  await writeFile(policyFile, OPEN_RULES)
  const env = environmentOf({ ...TRUSTED, oslo_policy: { policy_file: policyFile } })
  server = await startOnNode(folder.path, env)
})
after(async () => {
  await server.stop()
  await folder.remove()
})

const site = {
  request: (path: string, init: RequestInit = {}) =>
    fetch(server.url + path, { ...init, headers: { ...ADMIN, ...init.headers } }),
}

async function statusFor(caller: Record<string, string>, path: string): Promise<number> {
  const response = await fetch(server.url + path, { headers: caller })
  await response.arrayBuffer()
  return response.status
}

async function change(path: string, method: string, body?: unknown, type = 'application/json') {
  const headers = { 'Content-Type': type }
  const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) }
  const response = await site.request(path, init)
  await response.arrayBuffer()
  assert.ok(response.ok, `${method} ${path}: ${response.status}`)
}

const rename = (id: string, name: string) =>
  change(
    `/v2/images/${id}`,
    'PATCH',
    [{ op: 'replace', path: '/name', value: name }],
    'application/openstack-images-v2.1-json-patch',
  )

describe('while readers hammer a record', () => {
  let id: string
  /** The last name that a writer was told to be written. */
  let acknowledged = 0
  let isOver = false
  let reads = 0

  const revisionOf = ({ name }: { name: string }) => Number(name.slice('revision-'.length))

  async function readOn(): Promise<void> {
    while (!isOver) {
      const atLeast = acknowledged
      const shown = await (await site.request(`/v2/images/${id}`)).json()
      assert.ok(revisionOf(shown) >= atLeast, `shown ${shown.name} after ${atLeast}`)
      const newest = acknowledged
      const { images: listed } = await (await site.request('/v2/images?limit=5')).json()
      const found = listed.find((image: { id: string }) => image.id === id)
      assert.ok(revisionOf(found) >= newest, `listed ${found.name} after ${newest}`)
      reads += 2
    }
  }

  /** Ends the readers too where it fails. */
  async function whileRead(write: () => Promise<void>): Promise<void> {
    isOver = false
    reads = 0
    const reading = Promise.all(Array.from({ length: READERS }, readOn))
    try {
      await Promise.race([write(), reading])
    } finally {
      isOver = true
    }
    await reading
    assert.ok(reads > WRITES, `${reads} reads`)
  }

  before(async () => {
    id = (await createImage(site, { ...BARE_RAW, name: 'revision-0' })).id
  })

  it('each of its own writes is seen by whoever asks after it was acknowledged', () =>
    whileRead(async () => {
      for (let i = 0; i < WRITES; i++) {
        await rename(id, `revision-${acknowledged + 1}`)
        acknowledged++
      }
    }))

  it('each write of another connection to the file is', async () => {
    const client = openEmbedded(join(folder.path, 'registry.db'))
    const registry = openRegistry(client)
    try {
      await whileRead(async () => {
        for (let i = 0; i < WRITES; i++) {
          const name = `revision-${acknowledged + 1}`
          await registry.batch([registry.update(images).set({ name }).where(eq(images.id, id))])
          acknowledged++
          // The readers are in this process too.
          await new Promise((resolve) => setTimeout(resolve, 2))
        }
      })
    } finally {
      client.close()
    }
  })
})

describe('the first read after', () => {
  it('a member was added or removed is by the new list (200, 404)', async () => {
    const { id } = await createImage(site, { ...BARE_RAW, visibility: 'shared' })
    const path = `/v2/images/${id}`
    for (let i = 0; i < 10; i++) {
      assert.equal(await statusFor(MEMBER, path), 404)
      await change(`${path}/members`, 'POST', { member: 'other' })
      assert.equal(await statusFor(MEMBER, path), 200)
      await change(`${path}/members/other`, 'DELETE')
    }
  })

  it('it was deactivated or reactivated is by its new status (200, 403)', async () => {
    const { id } = await createImage(site, { ...BARE_RAW, visibility: 'public' })
    const path = `/v2/images/${id}`
    await uploadData(site, id, new TextEncoder().encode('bytes of it'))
    for (let i = 0; i < 10; i++) {
      assert.equal(await statusFor(MEMBER, `${path}/file`), 200)
      await change(`${path}/actions/deactivate`, 'POST')
      assert.equal(await statusFor(MEMBER, `${path}/file`), 403)
      await change(`${path}/actions/reactivate`, 'POST')
    }
  })

  it('the policy has changed is by the new rules (200, 404)', async () => {
    const { id } = await createImage(site, { ...BARE_RAW, visibility: 'public' })
    const path = `/v2/images/${id}`
    for (let i = 0; i < 10; i++) {
      assert.equal(await statusFor(MEMBER, path), 200)
      await writeFile(policyFile, `${CLOSED_RULES}#${i}\n`)
      assert.equal(await statusFor(MEMBER, path), 404)
      await writeFile(policyFile, `${OPEN_RULES}#${i}\n`)
    }
  })

  it('it was deleted finds nothing, nor does a list (404)', async () => {
    for (let i = 0; i < 10; i++) {
      const { id } = await (await postImage(site, { ...BARE_RAW, name: 'short-lived' })).json()
      const list = '/v2/images?name=short-lived'
      assert.equal(await statusFor(ADMIN, `/v2/images/${id}`), 200)
      assert.equal((await (await site.request(list)).json()).images.length, 1)
      await change(`/v2/images/${id}`, 'DELETE')
      assert.equal(await statusFor(ADMIN, `/v2/images/${id}`), 404)
      assert.deepEqual((await (await site.request(list)).json()).images, [])
    }
  })
})
