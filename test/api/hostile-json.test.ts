import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createImage, errorMessage, patchImage, postImage } from '../support/images.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

const DEEP = `${'['.repeat(300_000)}${']'.repeat(300_000)}`
const DEEP_OBJECT = `${'{"a":'.repeat(300_000)}1${'}'.repeat(300_000)}`
const TOO_DEEP = 'JSON in request body is nested more than 100 levels deep'
const TOO_MANY = 'JSON in request body has more than 50000 values, the most that are allowed'

let site: TestSite
let id: string
before(async () => {
  site = await createTestSite()
  id = (await createImage(site)).id
  await post('/v2/metadefs/namespaces', { namespace: 'mine' })
})
after(() => site.close())

function post(path: string, body: unknown): Promise<Response> {
  return site.request(path, {
    method: 'POST',
    headers: { Accept: 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

async function assertRefused(asked: Promise<Response>, status: number, message: string) {
  const response = await asked
  assert.deepEqual([await errorMessage(response), response.status], [message, status])
}

describe('JSON that is nested deeply', () => {
  it('is refused of a new image, wherever it is (400)', async () => {
    for (const body of [DEEP, DEEP_OBJECT, `{"name": ${DEEP}}`, `{"tags": [${DEEP}]}`]) {
      await assertRefused(postImage(site, body), 400, TOO_DEEP)
    }
  })

  it('is refused of a PATCH, wherever it is (400)', async () => {
    const operations = [
      DEEP,
      `[{"op": ${DEEP}, "path": "/a", "value": "b"}]`,
      `[{"op": "add", "path": ${DEEP}, "value": "b"}]`,
      `[{"op": "add", "path": "/a", "value": ${DEEP_OBJECT}}]`,
    ]
    for (const body of operations) await assertRefused(patchImage(site, id, body), 400, TOO_DEEP)
  })

  it('is refused of metadata definitions (400)', async () => {
    const path = '/v2/metadefs/namespaces/mine'
    const property = (value: string) =>
      `{"name": "a", "title": "a", "type": "string", "default": ${value}}`
    await assertRefused(post(`${path}/properties`, property(DEEP)), 400, TOO_DEEP)
    await assertRefused(post(`${path}/objects`, `{"name": ${DEEP}}`), 400, TOO_DEEP)
    await assertRefused(post(`${path}/tags`, `{"tags": ${DEEP}}`), 400, TOO_DEEP)
    await assertRefused(post('/v2/metadefs/namespaces', DEEP_OBJECT), 400, TOO_DEEP)
  })

  it('is refused of a member (400)', async () => {
    const body = `{"member": ${'['.repeat(20_000)}`
    await assertRefused(post(`/v2/images/${id}/members`, body), 400, TOO_DEEP)
  })

  it('is taken up to a hundred levels (201)', async () => {
    const list = `${'['.repeat(99)}${']'.repeat(99)}`
    const body = `{"name": "a", "title": "a", "type": "array", "default": ${list}}`
    assert.equal((await post('/v2/metadefs/namespaces/mine/properties', body)).status, 201)
    const deeper = `{"name": "b", "title": "a", "type": "array", "default": [${list}]}`
    const refused = post('/v2/metadefs/namespaces/mine/properties', deeper)
    await assertRefused(refused, 400, TOO_DEEP)
  })

  it('may be text within a string (201)', async () => {
    const note = `"${'['.repeat(1000)}`
    const image = await createImage(site, { note, 'a"[': '\\' })
    assert.equal(image['note'], note)
  })
})

describe('JSON of very many values', () => {
  it('is refused, whatever they are (413)', async () => {
    const values = ['[]', '{}', '1', '""', '"k":1']
    for (const value of values) {
      const body = `[${Array.from({ length: 60_000 }, () => value).join()}]`
      await assertRefused(postImage(site, body), 413, TOO_MANY)
    }
  })

  it('is read where it is a namespace of thousands of tags (201)', async () => {
    const tags = Array.from({ length: 10_000 }, (_, i) => ({ name: `tag ${i}` }))
    assert.equal((await post('/v2/metadefs/namespaces', { namespace: 'tags', tags })).status, 201)
  })
})

describe('a document that names one thing', () => {
  it('may be small only (413)', async () => {
    const member = 'm'.repeat(100_000)
    const message = 'Request body is larger than the limit of 65536 bytes'
    await assertRefused(post(`/v2/images/${id}/members`, { member }), 413, message)
  })

  it('may be 1 MiB where it is a definition (413)', async () => {
    const property = { name: 'long', title: 't'.repeat(1 << 20), type: 'string' }
    const message = 'Request body is larger than the limit of 1048576 bytes'
    await assertRefused(post('/v2/metadefs/namespaces/mine/properties', property), 413, message)
  })
})

describe('what a refusal quotes', () => {
  it('is cut where it is long (400)', async () => {
    const operation = { op: 'x'.repeat(1 << 20), path: '/a', value: 'b' }
    const message = await errorMessage(await patchImage(site, id, [operation]))
    assert.match(message, /^Invalid operation: `xxx/)
    assert.equal(message.length, 2000)
  })

  it('is the length of a pointer that no name has (400)', async () => {
    const path = `/${'~1'.repeat(1 << 20)}`
    const message = 'Pointer has 2097153 characters, at most 1000 are allowed'
    await assertRefused(patchImage(site, id, [{ op: 'add', path, value: 'b' }]), 400, message)
  })
})
