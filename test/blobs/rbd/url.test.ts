import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRbdStore } from '../../../src/blobs/rbd/store.ts'
import { formatRbdUrl, parseRbdUrl } from '../../../src/blobs/rbd/url.ts'

const FSID = 'f0c8a4ae-5a1b-4d2c-9a55-0123456789ab'
const IMAGE = '2a1f9d4c-6f3c-4f7b-8f3c-2f1d8f0f6a11'

describe('rbd URL', () => {
  it('names cluster, pool and image, with everything odd in a pool escaped', () => {
    const url = formatRbdUrl(FSID, 'my images/1', IMAGE)
    assert.equal(url, `rbd://${FSID}/my%20images%2F1/${IMAGE}/snap`)
    assert.deepEqual(parseRbdUrl(url), { fsid: FSID, pool: 'my images/1', image: IMAGE })
  })

  it('may be the name of the image alone, as Glance once wrote it', () => {
    assert.deepEqual(parseRbdUrl(`rbd://${IMAGE}`), { fsid: null, pool: null, image: IMAGE })
  })

  it('of another form is none', () => {
    const others = [
      '',
      'rbd://',
      `rbd:${IMAGE}`,
      `RBD://${IMAGE}`,
      `rbd://${IMAGE}/`,
      `rbd://images/${IMAGE}`,
      `rbd://${FSID}/images/${IMAGE}`,
      `rbd://${FSID}/images/${IMAGE}/`,
      `rbd://${FSID}/images/${IMAGE}/other`,
      `rbd://${FSID}/images/${IMAGE}/snap/more`,
      `rbd://${FSID}//${IMAGE}/snap`,
      `rbd://${FSID}/images/../snap`,
      `rbd://${FSID}/images/${IMAGE}%00/snap`,
      `rbd://${FSID}/images/${IMAGE}%2F..%2Fx/snap`,
      `rbd://${FSID}/images/${IMAGE}@other/snap`,
      `rbd://${FSID}/images/${'a'.repeat(200)}/snap`,
      `rbd://${FSID}/images/%E0%A4/snap`,
      `rbd://${FSID}/images/${IMAGE}/snap\n`,
      `rbd://${FSID}/images/${IMAGE}/snäp`,
      `rbd://elsewhere/images/${IMAGE}/snap`,
      ` rbd://${IMAGE}`,
    ]
    const taken = others.filter((url) => parseRbdUrl(url) !== null)
    assert.deepEqual(taken, [])
  })
})

describe('RBD store', () => {
  const store = createRbdStore({
    rbd_store_pool: 'images',
    rbd_store_user: 'glance',
    rbd_store_ceph_conf: '/nowhere/ceph.conf',
    rbd_store_chunk_size: 8,
    rados_connect_timeout: 1,
  })

  it('holds what its URL says is in its pool', () => {
    assert.equal(store.holds(`rbd://${FSID}/images/${IMAGE}/snap`), true)
    assert.equal(store.holds(`rbd://${FSID}/vms/${IMAGE}/snap`), false)
  })

  it('without a cluster, or without librbd, says so when it is asked, and not before', async () => {
    const wanted = /\/nowhere\/ceph\.conf|RBD needs/
    await assert.rejects(store.check(), wanted)
    await assert.rejects(store.size(`rbd://${IMAGE}`), wanted)
    await store.close()
  })
})
