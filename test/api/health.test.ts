import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createApp } from '../../src/app.ts'
import { TRUSTED } from '../support/options.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

let site: TestSite
before(async () => {
  site = await createTestSite(TRUSTED)
})
after(() => site.close())

const asJson = { headers: { Accept: 'application/json' } }
const asHtml = { headers: { Accept: 'text/html' } }

describe('the health check of a server in service', () => {
  it('says OK as text to a caller without an identity (200)', async () => {
    const response = await site.request('/healthcheck')
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('Content-Type'), 'text/plain; charset=UTF-8')
    assert.equal(await response.text(), 'OK')
  })

  it('says OK to PUT and POST (200)', async () => {
    const put = await site.request('/healthcheck', { method: 'PUT' })
    assert.equal(put.status, 200)
    const post = await site.request('/healthcheck', { method: 'POST', body: 'x' })
    assert.equal(await post.text(), 'OK')
  })

  it('says OK as JSON to those who prefer it (200)', async () => {
    const response = await site.request('/healthcheck', asJson)
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), { detailed: false, reasons: ['OK'] })
  })

  it('says OK as a page to those who prefer that (200)', async () => {
    const response = await site.request('/healthcheck', asHtml)
    assert.equal(response.headers.get('Content-Type'), 'text/html; charset=UTF-8')
    assert.match(await response.text(), /<table>.*OK.*<\/table>/)
  })

  it('says nothing to HEAD (204)', async () => {
    const response = await site.request('/healthcheck', { method: 'HEAD' })
    assert.equal(response.status, 204)
    assert.equal(await response.text(), '')
  })

  it('has no request id (200)', async () => {
    const headers = { 'X-OpenStack-Request-ID': 'req-1' }
    const response = await site.request('/healthcheck', { headers })
    assert.equal(response.headers.get('X-Openstack-Request-Id'), null)
  })
})

describe('the health check of a server that was taken out of service', () => {
  const request = (init?: RequestInit) =>
    createApp({ ...site.services, isDisabled: async () => true }).request('/healthcheck', init)

  it('says so as text (503)', async () => {
    const response = await request()
    assert.equal(response.status, 503)
    assert.equal(await response.text(), 'DISABLED BY FILE')
  })

  it('says so as JSON (503)', async () => {
    const response = await request(asJson)
    assert.equal(response.status, 503)
    assert.deepEqual(await response.json(), { detailed: false, reasons: ['DISABLED BY FILE'] })
  })

  it('says so as a page (503)', async () => {
    const response = await request(asHtml)
    assert.equal(response.status, 503)
    assert.match(await response.text(), /DISABLED BY FILE/)
  })

  it('says nothing to HEAD (503)', async () => {
    const response = await request({ method: 'HEAD' })
    assert.equal(response.status, 503)
    assert.equal(await response.text(), '')
  })
})
