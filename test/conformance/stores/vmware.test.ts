/** A vCenter by the simulator of govmomi. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FILE_PATIENCE } from '../../../src/blobs/remote/attempts.ts'
import type { VmwareOptions } from '../../../src/blobs/vmware/settings.ts'
import { createVmwareStore } from '../../../src/blobs/vmware/store.ts'
import type { Fetch } from '../../../src/http/fetch.ts'
import { createOutgoing } from '../../../src/runtime/outgoing.ts'
import { objectStoreContract, tricksOn } from '../../contract/object-store.ts'
import { read } from '../../support/chunks.ts'

const MIB = 1 << 20
const script = fileURLToPath(new URL('vcsim.sh', import.meta.url))
const host = `127.0.0.1:${process.env['VCSIM_PORT'] ?? 26989}`
const OPTIONS: VmwareOptions = {
  vmware_server_host: host,
  vmware_server_username: 'glance',
  vmware_server_password: 'glance',
  vmware_datastores: ['DC0:LocalDS_0:100', 'DC0:LocalDS_1'],
  vmware_store_image_dir: '/openstack_glance',
  vmware_api_retry_count: 3,
  vmware_task_poll_interval: 5,
}

let folder: string
let fetch: Fetch

function vcenter(command: 'start' | 'stop'): void {
  const { status, stderr } = spawnSync('bash', [script, command, folder], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heliostat-vcenter-'))
  vcenter('start')
  fetch = createOutgoing({ ca: await readFile(join(folder, 'ca.pem'), 'utf8') })
})

after(() => vcenter('stop'))

const open = (changes: Partial<VmwareOptions> = {}) =>
  createVmwareStore({ ...OPTIONS, ...changes }, fetch, { ...FILE_PATIENCE, firstPause: 10 })

const endSessions = async () => (await fetch(`https://${host}/test/end-sessions`, {})).text()

async function write(store: ReturnType<typeof open>, bytes: Uint8Array): Promise<string> {
  const url = await store.writing.urlOf(randomUUID())
  const writer = await store.writing.create(url, bytes.length)
  await writer.write(0, bytes)
  await writer.finish(bytes.length)
  return url
}

objectStoreContract('VMware', 'writable', async () => {
  const opened = {
    store: open(),
    foreign: (url: string) => [
      ...tricksOn(url.replace(/\?.*/, '')),
      ...tricksOn(url).filter((trick) => !trick.endsWith('/')),
      url.replace('LocalDS_0', 'Other'),
      url.replace('dcPath=DC0', 'dcPath=DC1'),
      url.replace(/&dcPath=DC0/, ''),
      `${url}&dsName=LocalDS_1`,
      url.replace('?', '/x?'),
    ],
    async restart() {
      opened.store = open()
    },
    close: async () => undefined,
  }
  return opened
})

describe('a VMware store', () => {
  it('names images as Glance does', async () => {
    const id = randomUUID()
    assert.equal(
      await open().writing.urlOf(id),
      `vsphere://${host}/folder/openstack_glance/${id}?dsName=LocalDS_0&dcPath=DC0`,
    )
  })

  it('chooses the datastore of the greatest weight', async () => {
    const store = open({ vmware_datastores: ['DC0:LocalDS_0', 'DC0:LocalDS_1:5'] })
    assert.match(await store.writing.urlOf(randomUUID()), /dsName=LocalDS_1&/)
  })

  it('can be reached', async () => {
    await open().check()
  })

  it('says what is wrong with its options', async () => {
    for (const [changes, pattern] of [
      [{ vmware_server_password: 'wrong' }, /refuses the user: check vmware_server_username/],
      [{ vmware_datastores: ['DC0:Other'] }, /has no datastore "Other" in "DC0"/],
      [{ vmware_datastores: ['DC7:LocalDS_0'] }, /has no data center "DC7"/],
      [{ vmware_server_host: '127.0.0.1:9' }, /https:\/\/127.0.0.1:9 does not answer/],
    ] as const) {
      await assert.rejects(() => open(changes).check(), pattern)
    }
  })

  it('does not say that an image is not there when its datastore is not', async () => {
    const store = open({ vmware_datastores: ['DC0:Other'] })
    const url = `vsphere://${host}/folder/openstack_glance/${randomUUID()}?dsName=Other&dcPath=DC0`
    await assert.rejects(() => store.size(url), /has no datastore "Other"/)
    await assert.rejects(() => store.get(url, { offset: 0, length: 1 }), /no datastore "Other"/)
  })

  it('goes on when its session has ended', async () => {
    const store = open()
    const bytes = new Uint8Array(randomBytes(3 * MIB))
    await endSessions()
    const url = await write(store, bytes)
    await endSessions()
    assert.equal(await store.size(url), bytes.length)
    await endSessions()
    assert.deepEqual(
      await read(await store.get(url, { offset: 5, length: 10 })),
      bytes.slice(5, 15),
    )
    await endSessions()
    assert.equal(await store.delete?.(url), 'gone')
    assert.equal(await store.size(url), null)
  })

  it('takes and gives 1 GiB with memory for a few pieces of it', async (test) => {
    const store = open()
    const block = new Uint8Array(randomBytes(8 * MIB))
    const size = 1024 * MIB
    const url = await store.writing.urlOf(randomUUID())
    const before = process.memoryUsage.rss()
    let peak = before
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 20)
    let started = performance.now()
    const writer = await store.writing.create(url, size)
    for (let offset = 0; offset < size; offset += 4 * block.length) {
      const four = [2, 0, 3, 1].map((part) => writer.write(offset + part * block.length, block))
      await Promise.all(four)
    }
    await writer.finish(size)
    const upload = Math.round(1074 / ((performance.now() - started) / 1000))
    started = performance.now()
    const got = createHash('md5')
    for await (const part of (await store.get(url, { offset: 0, length: size })) ?? [])
      got.update(part)
    const download = Math.round(1074 / ((performance.now() - started) / 1000))
    clearInterval(watch)
    test.diagnostic(
      `${upload} MB/s in, ${download} MB/s out with MD5, ${Math.round((peak - before) / MIB)} MiB more memory`,
    )
    const wanted = createHash('md5')
    for (let i = 0; i < 128; i++) wanted.update(block)
    assert.equal(got.digest('hex'), wanted.digest('hex'))
    assert.ok(peak - before < 250 * MIB)
    assert.equal(await store.delete?.(url), 'gone')
  })
})
