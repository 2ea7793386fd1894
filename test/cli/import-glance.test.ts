import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { uploads } from '../../schema/tables.ts'
import { openRegistry } from '../../src/registry/database.ts'
import { openEmbedded } from '../../src/registry/embedded.ts'
import {
  actOn,
  askMembers,
  BARE_RAW,
  bytesOf,
  createActiveImage,
  createImage,
  deleteImage,
  downloadData,
  patchImage,
  shareImage,
  showImage,
  uploadData,
} from '../support/images.ts'
import { startKeystone, type TestKeystone } from '../support/keystone.ts'
import { LAUNCHER } from '../support/launcher.ts'
import { openSiteOn } from '../support/local-site.ts'
import { oldImage, type OldGlance, type OldImage, startOldGlance } from '../support/old-glance.ts'
import { environmentOf, SMALL_CHUNKS } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'
import { farStores } from '../support/s3-site.ts'
import { eventually, startOnNode } from '../support/server.ts'
import { temporaryFolder, type TestSite } from '../support/site.ts'
import { runHere } from './in-process.ts'

type Site = Pick<TestSite, 'request'>
type Folder = Awaited<ReturnType<typeof temporaryFolder>>

const EVERYONE = { paste_deploy: { flavor: '' } }

let folder: Folder

/** The site that images move to, as it runs beside the command. */
let site: Awaited<ReturnType<typeof openHere>>

async function openHere() {
  folder = await temporaryFolder()
  const data_dir = join(folder.path, 'data')
  return openSiteOn(folder.path, {
    ...EVERYONE,
    heliostat: { data_dir, ...SMALL_CHUNKS.heliostat },
  })
}

async function closeHere(): Promise<void> {
  await site.close()
  await folder.remove()
}

const args = (url: string, ...rest: string[]) => [
  'import-glance',
  url,
  '--data-dir',
  join(folder.path, 'data'),
  ...rest,
]

const importFrom = (url: string, ...rest: string[]) => runHere(...args(url, ...rest))

/** Runs beside the test, for what is to be interrupted or killed. */
function startImport(url: string, ...rest: string[]) {
  const child = spawn(process.execPath, [LAUNCHER, ...args(url, ...rest)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environmentOf(SMALL_CHUNKS) },
  })
  const printed = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.stderr += text))
  return {
    printed,
    async end(signal: 'SIGINT' | 'SIGKILL') {
      child.kill(signal)
      if (child.exitCode === null) await once(child, 'close')
      return child.exitCode
    },
  }
}

async function chunkFiles(): Promise<string[]> {
  const files = await readdir(join(folder.path, 'data', 'chunks'), { recursive: true }).catch(
    () => [],
  )
  return files.filter((file) => /\/[0-9a-f]{64}$/.test(file))
}

async function readHere(site: Site, id: string): Promise<Buffer> {
  const response = await downloadData(site, id)
  assert.equal(response.status, 200)
  return Buffer.from(await response.arrayBuffer())
}

async function list(site: Site, query = ''): Promise<{ id: string }[]> {
  const pages = ['', '&os_hidden=true'].map(async (hidden) => {
    const path = `/v2/images?visibility=all&limit=1000${hidden}${query}`
    const { images } = await (await site.request(path)).json()
    return images
  })
  const all = (await Promise.all(pages)).flat()
  return all.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

async function members(site: Site, id: string): Promise<unknown> {
  return (await askMembers(site, { method: 'GET', path: `${id}/members` })).json()
}

describe('heliostat import-glance, from another site', () => {
  let process: RunningProcess
  let there: Site
  let sourceFolder: Folder
  const ids: Record<string, string> = {}

  before(async () => {
    site = await openHere()
    sourceFolder = await temporaryFolder()
    process = await startOnNode(sourceFolder.path, environmentOf(SMALL_CHUNKS))
    there = { request: (path, init) => fetch(process.url + path, init) }
    await seed()
  })

  after(async () => {
    await process.stop()
    await Promise.all([closeHere(), sourceFolder.remove()])
  })

  async function seed(): Promise<void> {
    const facts = { owner: 'demo', tags: ['b', 'a'], min_ram: 64, os_distro: 'dêbian' }
    const [plain, shared] = [
      await createImage(there, { ...BARE_RAW, ...facts, name: 'plain', visibility: 'public' }),
      await createImage(there, { ...BARE_RAW, ...facts, name: 'shared' }),
    ]
    await uploadData(there, plain.id, randomData(3 * (1 << 20) + 5))
    await uploadData(there, shared.id, randomData(4097))
    await shareImage(there, shared.id, 'friend')
    await askMembers(there, {
      method: 'POST',
      path: `${shared.id}/members`,
      body: { member: 'guest' },
    })
    const hidden = await createActiveImage(there, 'hidden', {
      os_hidden: true,
      visibility: 'community',
    })
    const off = await createActiveImage(there, 'off', { protected: true, visibility: 'private' })
    await actOn(there, off.id, 'deactivate')
    const queued = await createImage(there, { name: 'queued', min_disk: 3 })
    Object.assign(ids, {
      plain: plain.id,
      shared: shared.id,
      hidden: hidden.id,
      off: off.id,
      queued: queued.id,
    })
    await there.request('/v2/metadefs/namespaces', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        namespace: 'Moving',
        visibility: 'public',
        owner: 'demo',
        properties: { size: { title: 'Size', type: 'integer', default: 3 } },
        objects: [{ name: 'thing', properties: { part: { title: 'Part', type: 'string' } } }],
        tags: [{ name: 'one' }, { name: 'two' }],
        resource_type_associations: [{ name: 'OS::Glance::Image', prefix: 'hw_' }],
      }),
    })
  }

  it('tells with --dry-run what would be taken, and takes nothing', async () => {
    const { code, stdout, stderr } = await importFrom(process.url, '--dry-run')
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, new RegExp(`^${ids['plain']} +3\\.0 MiB +would be taken +plain$`, 'm'))
    assert.match(
      stdout,
      new RegExp(`^${ids['queued']} +– +would be recorded, it has no data +queued$`, 'm'),
    )
    assert.match(stdout, /\nWould take 4 images, 3\.0 MiB\n$/)
    assert.deepEqual(await list(site), [])
  })

  it('takes only what is asked for', async () => {
    const named = await importFrom(process.url, '--name', 'shared', '--no-metadefs')
    assert.deepEqual([named.code, named.stderr], [0, ''])
    const byId = await importFrom(process.url, '--id', ids['hidden'] ?? '', '--no-metadefs')
    assert.equal(byId.code, 0, byId.stderr)
    const found = await list(site)
    assert.deepEqual(
      found.map(({ id }) => id),
      [ids['hidden'], ids['shared']].toSorted(),
    )
  })

  it('takes every image as it is, with its members, and the metadata definitions', async () => {
    const { code, stdout, stderr } = await importFrom(process.url)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(
      stdout,
      /\nImages: took 2 \(3\.0 MiB\), recorded 1 without data, updated 0, 2 were the same\n/,
    )
    assert.match(stdout, /\nMetadata definitions: took 1 namespaces, 0 were the same\n$/)
    assert.deepEqual(await list(site), await list(there))
    assert.equal((await showImage(site, ids['off'] ?? '')).status, 'deactivated')
    const shared = ids['shared'] ?? ''
    assert.deepEqual(await members(site, shared), await members(there, shared))
    assert.deepEqual(
      await readHere(site, ids['plain'] ?? ''),
      await readHere(there, ids['plain'] ?? ''),
    )
    const path = '/v2/metadefs/namespaces/Moving'
    assert.deepEqual(
      await (await site.request(path)).json(),
      await (await there.request(path)).json(),
    )
  })

  it('finds nothing to do when all is there', async () => {
    const { code, stdout } = await importFrom(process.url)
    assert.equal(code, 0)
    assert.equal(
      stdout,
      'Images: took 0 (0 B), recorded 0 without data, updated 0, 5 were the same\n' +
        'Metadata definitions: took 0 namespaces, 1 were the same\n',
    )
  })

  it('takes changes over, and leaves what was changed here later', async () => {
    const { plain = '', shared = '', off = '', queued = '' } = ids
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const rename = [{ op: 'replace', path: '/name', value: 'renamed' }]
    await patchImage(there, plain, [...rename, { op: 'remove', path: '/os_distro' }])
    await actOn(there, off, 'reactivate')
    await askMembers(there, { method: 'DELETE', path: `${shared}/members/guest` })
    await uploadData(there, queued, bytesOf('late')).catch(() => undefined)
    await patchImage(site, shared, [{ op: 'replace', path: '/min_ram', value: 77 }])
    const { code, stdout, stderr } = await importFrom(process.url)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, new RegExp(`^${plain} +3\\.0 MiB +updated +renamed$`, 'm'))
    assert.match(
      stdout,
      new RegExp(`^Changed here since, and left as they are: 1\n +${shared} `, 'm'),
    )
    assert.deepEqual(await showImage(site, plain), await showImage(there, plain))
    assert.equal((await showImage(site, off)).status, 'active')
    assert.equal((await showImage(site, shared))['min_ram'], 77)
  })

  it('tells of what was deleted on either side, and brings nothing back', async () => {
    const { hidden = '', plain = '' } = ids
    await deleteImage(there, hidden)
    await deleteImage(site, plain)
    const { code, stdout, stderr } = await importFrom(process.url)
    assert.match(stdout, /^Here and not at the source: 1 images/m)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, new RegExp(`^Deleted here, and not brought back: 1\n +${plain}`, 'm'))
    assert.equal(
      (await list(site)).some(({ id }) => id === hidden),
      true,
    )
  })

  it('follows until it is interrupted', async () => {
    const old = await createActiveImage(there, 'old', { name: 'old' })
    const running = startImport(process.url, '--follow', '--interval', '1', '--delete', '--json')
    const statusOf = async (id: string) => (await site.request(`/v2/images/${id}`)).status
    try {
      await eventually('it is here', 60_000, async () => {
        if ((await statusOf(old.id)) === 404) return null
        return (await showImage(site, old.id)).status === 'active' ? true : null
      })
      const late = await createActiveImage(there, 'late', { name: 'late' })
      await shareImage(there, late.id, 'friend')
      await deleteImage(there, old.id)
      await eventually('what was made, shared and deleted there is so here', 60_000, async () => {
        if ((await statusOf(late.id)) === 404 || (await statusOf(old.id)) === 200) return null
        return JSON.stringify(await members(site, late.id)).includes('accepted') ? true : null
      })
      assert.equal(await running.end('SIGINT'), 0, running.printed.stderr)
      const report = JSON.parse(running.printed.stdout)
      assert.deepEqual([report.images.taken, report.deleted, report.missing], [2, 1, []])
      assert.deepEqual(
        report.deletedHere.map(({ id }: { id: string }) => id),
        [ids['plain']],
      )
    } finally {
      await running.end('SIGKILL')
    }
  })
})

describe('heliostat import-glance, from an old Glance', () => {
  let glance: OldGlance
  beforeEach(async () => {
    site = await openHere()
  })
  afterEach(async () => {
    await glance.close()
    await closeHere()
  })

  it('takes images of before multihash and community lists, with their dates', async () => {
    glance = await startOldGlance()
    const [first, second, third] = [oldImage(), oldImage({ visibility: 'community' }), oldImage()]
    glance.images = [
      first,
      second,
      third,
      oldImage({ status: 'saving', size: null, checksum: null }),
    ]
    const { code, stdout, stderr } = await importFrom(glance.url)
    assert.equal(code, 1)
    assert.match(stdout, /^Images: took 3 /m)
    assert.match(stderr, /Missing here: 1\n.*its data is coming in at the source\n$/)
    const shown = await showImage(site, second.record.id)
    assert.equal(shown['updated_at'], '2018-03-01T10:20:30Z')
    assert.equal(shown['created_at'], '2018-03-01T10:20:30Z')
    assert.equal(shown['os_hash_algo'], 'sha512')
    assert.deepEqual(await readHere(site, first.record.id), first.bytes)
    glance.requests.length = 0
    await importFrom(glance.url)
    assert.deepEqual(
      glance.requests.filter((path) => path !== '/v2/images'),
      ['/v2/metadefs/namespaces'],
    )
  })

  it('hashes as the source has done it', async () => {
    glance = await startOldGlance()
    const image = oldImage()
    const value = createHash('sha256').update(image.bytes).digest('hex')
    glance.images = [
      { ...image, record: { ...image.record, os_hash_algo: 'sha256', os_hash_value: value } },
    ]
    assert.equal((await importFrom(glance.url)).code, 0)
    const shown = await showImage(site, image.record.id)
    assert.deepEqual([shown['os_hash_algo'], shown['os_hash_value']], ['sha256', value])
  })

  for (const knowsRanges of [true, false]) {
    it(`goes on with what broke off, ${knowsRanges ? 'by a range' : 'by the whole again'}`, async () => {
      glance = await startOldGlance({ knowsRanges })
      const image = { ...oldImage({}, randomData(1_500_000)), breaksAt: 700_000 }
      glance.images = [image]
      const { code, stderr } = await importFrom(glance.url)
      assert.deepEqual([code, stderr], [0, ''])
      const path = `/v2/images/${image.record.id}/file`
      const asked = glance.requests.filter((request) => request.startsWith(path))
      assert.equal(asked[0], path)
      assert.match(asked.at(-1) ?? '', /bytes=700000-1499999$/)
      assert.deepEqual(await readHere(site, image.record.id), image.bytes)
    })
  }

  it('keeps nothing of an image whose bytes are others, takes the rest, and tries again', async () => {
    glance = await startOldGlance()
    const [wrong, right] = [oldImage(), oldImage()]
    glance.images = [{ ...wrong, sent: randomData(wrong.bytes.length) }, right]
    const { code, stderr } = await importFrom(glance.url)
    assert.equal(code, 1)
    assert.match(
      stderr,
      new RegExp(`${wrong.record.id}: The source sends other bytes than it tells of`),
    )
    const found = await list(site)
    assert.deepEqual(
      found.map(({ id }) => id),
      [right.record.id],
    )
    assert.equal((await chunkFiles()).length, 1)
    glance.images = [wrong, right]
    assert.equal((await importFrom(glance.url)).code, 0)
    assert.equal((await list(site)).length, 2)
  })

  it('takes an image without any digest by its size, and says so', async () => {
    glance = await startOldGlance()
    const image = oldImage({ checksum: null })
    glance.images = [image]
    const { code, stdout } = await importFrom(glance.url)
    assert.equal(code, 0)
    assert.match(stdout, new RegExp(`^Not verified.*: 1\n +${image.record.id}`, 'm'))
  })

  it('tells of a record that cannot be, and takes the others', async () => {
    glance = await startOldGlance()
    const right = oldImage()
    const id = '../../etc'
    glance.images = [
      oldImage({ min_ram: -1 }),
      { ...oldImage(), record: { id } },
      right,
      oldImage({ disk_format: 'odd' }),
    ]
    const { code, stderr } = await importFrom(glance.url)
    assert.equal(code, 1)
    assert.match(stderr, /Missing here: 3\n/)
    assert.match(stderr, /"odd" is not among \[image_format\] disk_formats/)
    assert.deepEqual(
      (await list(site)).map(({ id: found }) => found),
      [right.record.id],
    )
  })

  it('is killed in the middle, and takes the image when it is run again', async () => {
    glance = await startOldGlance()
    const image = oldImage({}, randomData(5 << 20))
    glance.images = [{ ...image, breaksAt: 3 << 20, stalls: true }]
    const running = startImport(glance.url)
    await eventually('chunks are here', 60_000, async () =>
      (await chunkFiles()).length > 0 ? true : null,
    )
    await running.end('SIGKILL')
    await leaveForDead()
    glance.images = [image]
    const { code, stdout, stderr } = await importFrom(glance.url)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^Images: took 1 /m)
    const shown = await showImage(site, image.record.id)
    assert.deepEqual([shown.status, shown['updated_at']], ['active', '2018-03-01T10:20:30Z'])
    assert.deepEqual(await readHere(site, image.record.id), image.bytes)
  })

  it('is interrupted in the middle, and leaves nothing of the image', async () => {
    glance = await startOldGlance()
    glance.images = [{ ...oldImage({}, randomData(5 << 20)), breaksAt: 3 << 20, stalls: true }]
    const running = startImport(glance.url)
    await eventually('chunks are here', 60_000, async () =>
      (await chunkFiles()).length > 0 ? true : null,
    )
    assert.equal(await running.end('SIGINT'), 1)
    assert.match(
      running.printed.stderr,
      /Not all of the source was looked at\n.*Missing here: 1\n.*Interrupted/,
    )
    assert.deepEqual(await chunkFiles(), [])
    assert.deepEqual(await list(site), [])
  })
})

describe('heliostat import-glance --adopt', () => {
  let glance: OldGlance
  let s3: S3Server
  before(async () => {
    folder = await temporaryFolder()
    s3 = await startS3Server()
    glance = await startOldGlance()
  })
  after(async () => {
    s3.close()
    await Promise.all([glance.close(), folder.remove()])
  })

  /** As a Glance has stored it in the bucket that both use. */
  function inBucket(bytes = randomData(100_000), stored = bytes): OldImage {
    const image = oldImage({}, bytes)
    const { id } = image.record
    const url = `${s3.url.replace('http:', 's3+http:')}/images/${id}`
    const os_hash_value = createHash('sha512').update(bytes).digest('hex')
    const bucket = s3.buckets.get('images') ?? new Map()
    s3.buckets.set('images', bucket)
    bucket.set(id, { bytes: stored, metadata: {}, modified: new Date() })
    const facts = { os_hash_algo: 'sha512', os_hash_value, direct_url: url }
    return { ...image, record: { ...image.record, ...facts } }
  }

  it('leaves images where they lie, copies the others, and hashes later', async () => {
    const stores = farStores(s3, folder.path)
    const lines = Object.entries(stores).flatMap(([section, options]) => [
      `[${section}]`,
      ...Object.entries(options).map((pair) => pair.join(' = ')),
    ])
    const configFile = join(folder.path, 'heliostat.conf')
    await writeFile(configFile, lines.join('\n'))
    const here = await openSiteOn(folder.path, { ...EVERYONE, ...stores })
    const [shared, short, elsewhere] = [inBucket(), inBucket(undefined, randomData(7)), oldImage()]
    glance.images = [shared, short, elsewhere]
    const command = ['import-glance', glance.url, '--adopt', '--config-file', configFile]
    const { code, stdout, stderr } = await runHere(...command)
    assert.equal(code, 1)
    assert.match(stdout, new RegExp(`^${shared.record.id} .* adopted where it lies`, 'm'))
    assert.match(stdout, /^Images: took 1 \(.*\), adopted 1, recorded 0 /m)
    assert.match(stderr, new RegExp(`${short.record.id}: In store "far" it has 7 bytes`))
    const file = `/v2/images/${shared.record.id}/file`
    assert.equal(glance.requests.includes(file), false)
    await here.services.locationReader.read()
    assert.deepEqual(await readHere(here, shared.record.id), shared.bytes)
    const shown = await showImage(here, shared.record.id)
    assert.deepEqual([shown.status, shown['updated_at']], ['active', '2018-03-01T10:20:30Z'])
    glance.images = [shared, elsewhere]
    assert.match((await runHere(...command)).stdout, /updated 0, 2 were the same/)
    await here.close()
  })
})

/** As if the time had passed after which a silent process counts as dead. */
async function leaveForDead(): Promise<void> {
  const registry = openRegistry(openEmbedded(join(folder.path, 'data', 'registry.db')))
  await registry.update(uploads).set({ heartbeat_at: 0 })
  registry.$client.close()
}

describe('heliostat import-glance, as an administrator', () => {
  let glance: OldGlance
  let keystone: TestKeystone
  let token = 'first'
  before(async () => {
    site = await openHere()
    glance = await startOldGlance({ token: () => token })
    glance.images = [oldImage()]
    keystone = await startKeystone()
  })
  after(async () => {
    await Promise.all([glance.close(), keystone.close(), closeHere()])
  })

  it('needs a token where the source wants one [401]', async () => {
    const { code, stderr } = await importFrom(glance.url)
    assert.equal(code, 1)
    assert.match(stderr, /answers 401: it wants a token: --token-file, OS_TOKEN or OS_AUTH_URL$/)
  })

  it('takes the token of a file', async () => {
    const path = join(folder.path, 'token')
    await writeFile(path, 'first\n')
    assert.equal((await importFrom(glance.url, '--token-file', path, '--dry-run')).code, 0)
  })

  it('logs in by the variables of an openrc file, again when its token is refused', async () => {
    token = 'service-token-2'
    const env = {
      OS_AUTH_URL: `${keystone.url}/v3`,
      OS_USERNAME: 'admin',
      OS_PASSWORD: 'secret',
      OS_PROJECT_NAME: 'admin',
      OS_USER_DOMAIN_NAME: 'Default',
    }
    Object.assign(process.env, env)
    try {
      const { code, stderr } = await importFrom(glance.url)
      assert.deepEqual([code, stderr], [0, ''])
      assert.equal(keystone.logins.length, 2)
      keystone.takesLogins = false
      const refused = await importFrom(glance.url)
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /Keystone refuses the OS_… variables .* with status 401$/)
      assert.equal(keystone.logins.length, 3)
    } finally {
      for (const name of Object.keys(env)) delete process.env[name]
    }
  })

  it('names what is wrong with its arguments', async () => {
    assert.match((await importFrom('glance:9292')).stderr, /^<url>: wanted where a Glance serves/)
    assert.match((await importFrom(glance.url, '--delete')).stderr, /^--delete: wanted --follow/)
  })
})
