import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it, mock } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { eq } from 'drizzle-orm'
import { imageLocations } from '../../schema/tables.ts'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import { NO_TOOLS } from '../../src/runtime/site-plugins.ts'
import { missing, packWith, type ToolFormat, TOOL_OF } from '../blobs/archive/archives.ts'
import { zip } from '../blobs/archive/zips.ts'
import { qcow2Header } from '../blobs/inspect/headers.ts'
import { type FileServer, startFileServer } from '../support/file-server.ts'
import {
  BARE_QCOW2,
  BARE_RAW,
  createImage,
  downloadData,
  errorMessage,
  showImage,
} from '../support/images.ts'
import { importedImage, importImage, stageData } from '../support/imports.ts'
import { TRUSTED } from '../support/options.ts'
import { randomData } from '../support/random-data.ts'
import {
  ADMIN,
  asCaller,
  createTestServices,
  createTestSite,
  temporaryFolder,
  type TestSite,
} from '../support/site.ts'

const skipQemu = missing('qemu-img') || missing('prlimit')

let files: FileServer
let folder: Awaited<ReturnType<typeof temporaryFolder>>
before(async () => {
  ;[files, folder] = await Promise.all([startFileServer(), temporaryFolder()])
})
after(() => Promise.all([files.close(), folder.remove()]))

const siteWith = (plugins: string, more: Record<string, Record<string, string>> = {}) =>
  createTestSite({
    image_import_opts: { image_import_plugins: plugins },
    import_filtering_opts: { allowed_hosts: '127.0.0.1', allowed_ports: new URL(files.url).port },
    ...more,
    heliostat: { chunk_size: '1MB', data_dir: folder.path, ...more['heliostat'] },
  })

type Way = 'glance-direct' | 'web-download'
const WAYS: Way[] = ['glance-direct', 'web-download']

/** What becomes of bytes that are imported in one of the ways. */
async function imported(site: TestSite, way: Way, bytes: Buffer, attributes: object = BARE_RAW) {
  const { id } = await createImage(site, { ...attributes })
  if (way === 'glance-direct') {
    const staged = await stageData(site, id, Uint8Array.from(bytes))
    assert.equal(staged.status, 204, await staged.text())
    assert.equal((await importImage(site, id, way)).status, 202)
  } else {
    const uri = files.put(bytes)
    assert.equal((await importImage(site, id, { method: { name: way, uri } })).status, 202)
  }
  return importedImage(site, id)
}

const bytesOf = async (site: TestSite, id: string) =>
  Buffer.from(await (await downloadData(site, id)).arrayBuffer())

describe('image_decompression', () => {
  let site: TestSite
  before(async () => {
    site = await siteWith('[image_decompression]', { DEFAULT: { image_size_cap: '8388608' } })
  })
  after(() => site.close())

  const disk = Buffer.concat([randomData(1 << 20), Buffer.alloc(2 << 20)])
  const PACKED: [what: string, pack: () => Buffer, skip: string | false][] = [
    ['gzip', () => gzipSync(disk), false],
    ['zip', () => zip([{ name: 'disk.raw', data: disk }]), false],
    ...(['xz', 'zstd', 'bzip2'] as ToolFormat[]).map(
      (format): [string, () => Buffer, string | false] => [
        format,
        () => packWith(format, disk),
        missing(TOOL_OF[format]),
      ],
    ),
  ]
  for (const way of WAYS) {
    for (const [what, pack, skip] of PACKED) {
      it(`unpacks ${what} that comes by ${way}`, { skip }, async () => {
        const { task, image } = await imported(site, way, pack())
        assert.deepEqual([task.status, task.message], ['success', ''])
        assert.deepEqual([image.status, image.size], ['active', disk.length])
        assert.deepEqual(await bytesOf(site, image.id), disk)
      })
    }

    it(`leaves what is no archive as it is, by ${way}`, async () => {
      const { image } = await imported(site, way, disk)
      assert.deepEqual(await bytesOf(site, image.id), disk)
    })

    it(`leaves what is said to be compressed, by ${way}`, async () => {
      const packed = gzipSync(disk)
      const compressed = { disk_format: 'raw', container_format: 'compressed' }
      const { image } = await imported(site, way, packed, compressed)
      assert.deepEqual(await bytesOf(site, image.id), packed)
    })

    const bad: [what: string, bytes: () => Buffer, message: RegExp, attributes?: object][] = [
      ['a bomb', () => gzipSync(Buffer.alloc(64 << 20)), /^The gzip archive holds too much: /],
      ['one that ends early', () => gzipSync(disk).subarray(0, 500_000), /gzip/],
      [
        'two files',
        () =>
          zip([
            { name: 'a', data: disk },
            { name: 'b', data: disk },
          ]),
        /zip/,
      ],
      ['LHA', () => Buffer.from('\x1e\x00-lh5-padding padding padding'), /lha/i],
      [
        'an image that is not what it should be',
        () => gzipSync(disk),
        /^Image disk_format qcow2 does not match stream data raw/,
        BARE_QCOW2,
      ],
      [
        'an image that would be read from another file',
        () => gzipSync(qcow2Header({ backingFile: 104n, length: 4096 })),
        /^Image failed safety checks/,
        BARE_QCOW2,
      ],
    ]
    for (const [what, bytes, message, attributes] of bad) {
      it(`refuses ${what}, and leaves nothing, by ${way}`, async () => {
        const { task, image } = await imported(site, way, bytes(), attributes)
        assert.equal(task.status, 'failure')
        assert.match(task.message, message)
        assert.deepEqual(
          [image.status, image.size, image['os_glance_import_task']],
          ['queued', null, undefined],
        )
        const ofImage = eq(imageLocations.image_id, image.id)
        assert.equal(await site.registry.$count(imageLocations, ofImage), 0)
      })
    }
  }
})

describe('inject_image_metadata', () => {
  it('gives properties to what others than administrators import', async () => {
    const site = await siteWith('inject_image_metadata', {
      ...TRUSTED,
      inject_metadata_properties: { inject: 'tested:no,origin:import' },
    })
    for (const [headers, wanted] of [
      [asCaller('owner'), ['no', 'import']],
      [ADMIN, [undefined, undefined]],
    ] as const) {
      const { id } = await createImage(site, BARE_RAW, headers)
      await stageData(site, id, 'x', headers)
      await importImage(site, id, 'glance-direct', headers)
      const { image } = await importedImage(site, id, headers)
      assert.deepEqual([image['tested'], image['origin']], wanted)
    }
    await site.close()
  })
})

describe('image_conversion', () => {
  it('is refused by name where there is no program for it [501]', async () => {
    const site = await createTestSite()
    const { config } = loadConfig({
      image_import_opts: { image_import_plugins: 'image_conversion' },
    })
    const app = createApp(createTestServices({ ...site, config, importTools: NO_TOOLS }))
    const { id } = await createImage(site, BARE_QCOW2)
    const method = { name: 'web-download', uri: files.put(Buffer.alloc(1)) }
    const response = await importImage({ request: async (...how) => app.request(...how) }, id, {
      method,
    })
    assert.equal(response.status, 501)
    assert.match(
      await errorMessage(response),
      /needs the plugin image_conversion, which there is not/,
    )
    assert.equal((await showImage(site, id)).status, 'queued')
    await site.close()
  })
})

describe('image_conversion by qemu-img', { skip: skipQemu }, () => {
  let site: TestSite
  before(async () => {
    site = await siteWith('[image_decompression,image_conversion]')
  })
  after(() => site.close())

  async function diskOf(
    format: string,
    ...options: string[]
  ): Promise<[raw: Buffer, disk: Buffer]> {
    const raw = Buffer.concat([randomData(1 << 20), Buffer.alloc(4 << 20), randomData(1 << 20)])
    const [from, to] = [join(folder.path, 'from'), join(folder.path, 'to')]
    await writeFile(from, raw)
    execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', format, ...options, from, to])
    return [raw, await readFile(to)]
  }

  const left = () => readdir(join(folder.path, 'conversions'))

  for (const way of WAYS) {
    for (const [format, qemu, ...options] of [
      ['qcow2', 'qcow2'],
      ['vmdk', 'vmdk', '-o', 'subformat=streamOptimized'],
      ['vdi', 'vdi'],
      ['vhdx', 'vhdx'],
    ] as const) {
      it(`makes a raw disk of ${format} that comes by ${way}`, async () => {
        const [raw, disk] = await diskOf(qemu, ...options)
        const attributes = { disk_format: format, container_format: 'bare' }
        const { task, image } = await imported(site, way, disk, attributes)
        assert.deepEqual([task.status, task.message], ['success', ''])
        assert.deepEqual(
          [image.status, image['disk_format'], image['container_format'], image['virtual_size']],
          ['active', 'raw', 'bare', raw.length],
        )
        assert.ok((await bytesOf(site, image.id)).equals(raw))
        assert.deepEqual(await left(), [])
      })
    }

    it(`does so after it has unpacked it, by ${way}`, async () => {
      const [raw, disk] = await diskOf('qcow2')
      const { image } = await imported(site, way, gzipSync(disk), BARE_QCOW2)
      assert.equal(image['disk_format'], 'raw')
      assert.ok((await bytesOf(site, image.id)).equals(raw))
    })

    it(`refuses what is cut short, and leaves no file, by ${way}`, async () => {
      const [, disk] = await diskOf('qcow2')
      const { task, image } = await imported(site, way, disk.subarray(0, 300_000), BARE_QCOW2)
      assert.match(task.message, /^The image cannot be converted: qemu-img says: /)
      const { status, disk_format: format } = image
      assert.deepEqual([status, format], ['queued', 'qcow2'])
      assert.deepEqual(await left(), [])
    })
  }

  it('never reads another file', async () => {
    const secret = join(folder.path, 'secret')
    await writeFile(secret, 'nobody is to read this')
    const overlay = join(folder.path, 'overlay')
    execFileSync('qemu-img', ['create', '-f', 'qcow2', '-b', secret, '-F', 'raw', overlay])
    const { task } = await imported(site, 'web-download', await readFile(overlay), BARE_QCOW2)
    assert.match(task.message, /^Image failed safety checks/)
  })

  it('is not done again where its process died after it', async () => {
    const stores = await siteWith('image_conversion', {
      DEFAULT: { enabled_backends: 'one:file, two:file' },
      glance_store: { default_backend: 'one' },
      one: { filesystem_store_datadir: '/one' },
      two: { filesystem_store_datadir: '/two' },
    })
    const [raw, disk] = await diskOf('qcow2')
    const { id } = await createImage(stores, BARE_QCOW2)
    assert.equal((await stageData(stores, id, Uint8Array.from(disk))).status, 204)
    const put = mock.method(stores.memoryOf('two'), 'put', () => sleep(500))
    await importImage(stores, id, { method: { name: 'glance-direct' }, all_stores: true })
    while (put.mock.callCount() === 0) await sleep(20)
    await stores.services.importer.stop()
    mock.restoreAll()
    assert.equal((await showImage(stores, id))['disk_format'], 'qcow2')
    await stores.services.importer.recover()
    const { task, image } = await importedImage(stores, id)
    assert.deepEqual([task.message, image.stores, image['disk_format']], ['', 'one,two', 'raw'])
    assert.ok((await bytesOf(stores, id)).equals(raw))
    await stores.close()
  })
})
