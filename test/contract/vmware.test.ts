import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { FILE_PATIENCE } from '../../src/blobs/remote/attempts.ts'
import type { Patience } from '../../src/blobs/remote/patience.ts'
import type { VmwareOptions } from '../../src/blobs/vmware/settings.ts'
import { createVmwareStore } from '../../src/blobs/vmware/store.ts'
import type { Fetch } from '../../src/http/fetch.ts'
import { createOutgoing } from '../../src/runtime/outgoing.ts'
import { read } from '../support/chunks.ts'
import { startVCenter, type VCenter } from '../support/vcenter.ts'
import { objectStoreContract, tricksOn } from './object-store.ts'

const outgoing = createOutgoing({})
/** Most of the time would go into TLS. */
const withoutTls: Fetch = (url, init) => outgoing(url.replace(/^https/, 'http'), init)

type Store = ReturnType<typeof createVmwareStore>

function open(
  { host }: VCenter,
  changes: Partial<VmwareOptions> = {},
  patience: Partial<Patience> = {},
) {
  const options: VmwareOptions = {
    vmware_server_host: host,
    vmware_server_username: 'glance',
    vmware_server_password: 'glance',
    vmware_datastores: ['DC0:one:9', 'DC0:two'],
    vmware_store_image_dir: '/openstack_glance',
    vmware_api_retry_count: 2,
    vmware_task_poll_interval: 1,
    ...changes,
  }
  return createVmwareStore(options, withoutTls, {
    ...FILE_PATIENCE,
    firstPause: 1,
    ...patience,
  })
}

objectStoreContract('VMware', 'writable', async () => {
  const vcenter = await startVCenter()
  const opened = {
    store: open(vcenter),
    foreign: (url: string) => [
      ...tricksOn(url.replace(/\?.*/, '')),
      ...tricksOn(url).filter((trick) => !trick.endsWith('/')),
      url.replace('=two', '=three'),
      url.replace('DC0', 'DC1'),
      url.replace('&dcPath=DC0', ''),
      `${url}&dsName=one`,
      `${url}?`,
    ],
    async restart() {
      opened.store = open(vcenter)
    },
    close: vcenter.close,
  }
  return opened
})

describe('a VMware store', () => {
  const bytes = new Uint8Array(randomBytes(100_000))
  const some = { offset: 10, length: 20 }
  let vcenter: VCenter
  let store: Store

  before(async () => {
    vcenter = await startVCenter()
  })
  beforeEach(() => {
    store = open(vcenter)
    vcenter.requests.length = 0
  })
  afterEach(() => {
    assert.equal(vcenter.answers.size, 0)
    vcenter.files.clear()
    vcenter.locked.clear()
  })
  after(() => vcenter.close())

  async function begin() {
    const id = randomUUID()
    const url = await store.writing.urlOf(id)
    return {
      name: `[two] openstack_glance/${id}`,
      url,
      writer: await store.writing.create(url, bytes.length),
    }
  }

  async function write() {
    const { writer, ...object } = await begin()
    await writer.write(0, bytes)
    await writer.finish(bytes.length)
    return object
  }

  it('asks nothing before it is used, and logs in once for many', async () => {
    assert.deepEqual(vcenter.requests, [])
    const url = `vsphere://${vcenter.host}/folder/openstack_glance/${randomUUID()}?dcPath=DC0&dsName=two`
    await Promise.all([store.size(url), store.size(url), store.check()])
    assert.equal(vcenter.requests.filter((name) => name === 'Login').length, 1)
  })

  it('writes where there is room, under another name until all is there', async () => {
    const { name, url, writer } = await begin()
    assert.match(url, /\?dsName=two&dcPath=DC0$/)
    await writer.write(0, bytes)
    await writer.finish(bytes.length)
    assert.deepEqual([...vcenter.files.keys()], [name])
    assert.ok(vcenter.requests.includes(`PUT ${name}.unfinished`))
  })

  it('logs in anew when its session has ended', async () => {
    const { url } = await write()
    for (const use of [
      async () => assert.equal(await store.size(url), bytes.length),
      async () => assert.deepEqual(await read(await store.get(url, some)), bytes.slice(10, 30)),
      async () => assert.equal(await store.delete?.(url), 'gone'),
    ]) {
      vcenter.endSessions()
      await use()
    }
  })

  it('does not try a wrong password again at once, and never shows it', async () => {
    const wrong = open(vcenter, { vmware_server_password: 'secret' })
    for (let i = 0; i < 3; i++) {
      await assert.rejects(
        () => wrong.check(),
        /https:\/\/127\.0\.0\.1:\d+ refuses the user: check vmware_server_username and vmware_server_password$/,
      )
    }
    assert.equal(vcenter.requests.filter((name) => name === 'Login').length, 1)
  })

  it('says what it has found where there is no vCenter', async () => {
    vcenter.answers.set('RetrieveServiceContent', (_incoming, outgoing) => outgoing.end('<html>'))
    await assert.rejects(() => store.check(), /127\.0\.0\.1:\d+ .*is it a vCenter\?/)
    vcenter.answers.set('RetrieveServiceContent', (_incoming, outgoing) =>
      outgoing.end('<!DOCTYPE x [<!ENTITY a "b">]><x/>'),
    )
    await assert.rejects(() => store.check(), /document type/)
  })

  it('makes a call again that got no answer', async () => {
    await store.check()
    vcenter.answers.set('RetrieveProperties', (_incoming, outgoing) => outgoing.destroy())
    await store.check()
  })

  it('gives up what does not answer', async () => {
    const impatient = open(vcenter, { vmware_api_retry_count: 0 }, { head: 50 })
    vcenter.answers.set('RetrieveServiceContent', () => undefined)
    await assert.rejects(() => impatient.check(), /does not answer: no whole answer within 0.05 s/)
  })

  it('tells an image that is in use, and leaves it', async () => {
    const { name, url } = await write()
    vcenter.locked.add(name)
    assert.equal(await store.delete?.(url), 'in-use')
    assert.equal(await store.size(url), bytes.length)
  })

  it('fails where the server does not take the bytes, and leaves nothing', async () => {
    for (const refuse of [
      (_incoming: unknown, outgoing: { destroy(): unknown }) => outgoing.destroy(),
      (_incoming: unknown, outgoing: { writeHead(status: number): { end(): unknown } }) =>
        outgoing.writeHead(507).end(),
    ]) {
      const { url, writer } = await begin()
      vcenter.answers.set('PUT', refuse)
      await assert.rejects(async () => {
        await writer.write(0, bytes)
        await writer.finish(bytes.length)
      }, /openstack_glance\/.*could not be written/)
      await writer.abort()
      assert.equal(await store.size(url), null)
      assert.equal(vcenter.files.size, 0)
    }
  })

  it('fails where fewer bytes lie there than were sent', async () => {
    const { name, writer } = await begin()
    vcenter.answers.set('PUT', (incoming, outgoing) => {
      vcenter.files.set(`${name}.unfinished`, Buffer.from('short'))
      incoming.resume().on('end', () => outgoing.writeHead(200).end())
    })
    await writer.write(0, bytes)
    await assert.rejects(() => writer.finish(bytes.length), /has 5 bytes: wanted 100000/)
    await writer.abort()
    assert.equal(vcenter.files.size, 0)
  })

  it('leaves the image of another alone that has been quicker [conflict]', async () => {
    const { name, url, writer } = await begin()
    await writer.write(0, bytes)
    vcenter.files.set(name, Buffer.from('other'))
    await assert.rejects(() => writer.finish(bytes.length), { code: 'conflict' })
    await writer.abort()
    assert.equal(await store.size(url), 5)
    assert.equal(vcenter.files.size, 1)
  })

  it('leaves nothing where it is not known whether the image got its name', async () => {
    const { writer } = await begin()
    await writer.write(0, bytes)
    vcenter.answers.set('MoveDatastoreFile_Task', (_incoming, outgoing) => outgoing.destroy())
    await assert.rejects(() => writer.finish(bytes.length), /does not answer/)
    await writer.abort()
    assert.equal(vcenter.files.size, 0)
  })
})
