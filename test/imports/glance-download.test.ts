import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { createAdaptorServer } from '@hono/node-server'
import { bytesOf, createImage, downloadData, uploadData } from '../support/images.ts'
import { endedTask, importedImage, importImage } from '../support/imports.ts'
import { startKeystone, type TestKeystone, tokenFor, usingKeystone } from '../support/keystone.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

const TOKEN = { 'X-Auth-Token': 'token-of-member' }

let keystone: TestKeystone
let site: TestSite
let remote: TestSite
let server: ReturnType<typeof createAdaptorServer>
before(async () => {
  keystone = await startKeystone()
  keystone.known.set(TOKEN['X-Auth-Token'], tokenFor())
  const options = {
    ...usingKeystone(keystone),
    DEFAULT: { enabled_import_methods: 'web-download,glance-download' },
  }
  site = await createTestSite(options)
  remote = await createTestSite(options)
  server = createAdaptorServer({ fetch: remote.app.fetch })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const endpoint = { region: 'far', region_id: 'far', interface: 'public', url }
  keystone.find = (path) =>
    path === '/auth/catalog' ? { catalog: [{ type: 'image', endpoints: [endpoint] }] } : null
})
after(async () => {
  server.close()
  await site.close()
  await remote.close()
  await keystone.close()
})

const DISK = { disk_format: 'iso', container_format: 'ovf' }
const FAR = {
  disk_format: 'raw',
  container_format: 'bare',
  hw_cpu_cores: '5',
  'trait:SSD': 'required',
  os_distro: 'rhel',
  speed: '88mph',
}

async function download(method: object, attributes: object = DISK) {
  const { id } = await createImage(site, { ...attributes }, TOKEN)
  const asked = { method: { name: 'glance-download', glance_region: 'far', ...method } }
  const response = await importImage(site, id, asked, TOKEN)
  assert.equal(response.status, 202, await response.text())
  await endedTask(site, id, TOKEN)
  return importedImage(site, id, TOKEN)
}

describe('import by glance-download', () => {
  it('takes over an image of another region, its formats and some of its properties', async () => {
    const { id } = await createImage(remote, FAR, TOKEN)
    assert.equal((await uploadData(remote, id, bytesOf('from afar'), TOKEN)).status, 204)
    const own = { ...DISK, hw_cpu_cores: '1', name: 'own' }
    const { task, image } = await download({ glance_image_id: id }, own)
    assert.deepEqual([task.status, task.message], ['success', ''])
    const { name, disk_format, container_format, hw_cpu_cores, os_distro, speed } = image
    assert.deepEqual(
      { name, disk_format, container_format, hw_cpu_cores, os_distro, speed },
      {
        name: 'own',
        disk_format: 'raw',
        container_format: 'bare',
        hw_cpu_cores: '5',
        os_distro: 'rhel',
        speed: undefined,
      },
    )
    assert.equal(image['trait:SSD'], 'required')
    assert.equal(await (await downloadData(site, image.id, TOKEN)).text(), 'from afar')
  })

  it('leaves the image as it was where that cannot be had', async () => {
    const { id: queued } = await createImage(remote, FAR, TOKEN)
    const absent = 'f0000000-0000-4000-8000-000000000000'
    const own = { ...DISK, hw_cpu_cores: '1' }
    const failures: [method: object, message: RegExp][] = [
      [{ glance_image_id: queued }, /is in status "queued" in region "far", wanted "active"$/],
      [{ glance_image_id: absent }, / answers 404: wanted the file$/],
      [
        { glance_image_id: queued, glance_region: 'nowhere' },
        /^Keystone's catalog has no public endpoint of an image service in region "nowhere"$/,
      ],
    ]
    for (const [method, message] of failures) {
      const { task, image } = await download(method, own)
      assert.equal(task.status, 'failure')
      assert.match(task.message, message)
      const { status, disk_format, hw_cpu_cores } = image
      assert.deepEqual(
        { status, disk_format, hw_cpu_cores },
        { status: 'queued', disk_format: 'iso', hw_cpu_cores: '1' },
      )
    }
  })

  it('has no token in what is kept of it', async () => {
    const rows = await site.registry.$client.execute('SELECT * FROM tasks')
    assert.ok(rows.rows.length > 0)
    assert.ok(!JSON.stringify(rows.rows).includes(TOKEN['X-Auth-Token']))
  })
})
