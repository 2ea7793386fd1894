import assert from 'node:assert/strict'
import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { actOn, BARE_RAW, createImage, deleteImage, uploadData } from '../support/images.ts'
import { openSiteOn } from '../support/local-site.ts'
import { randomData } from '../support/random-data.ts'
import { ADMIN, temporaryFolder, type TestSite } from '../support/site.ts'
import { runHere } from './in-process.ts'

const MIB = 1 << 20
const SIZE = 2 * MIB + 3

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let configFile: string

const sections = (): Record<string, Record<string, string>> => ({
  DEFAULT: { enabled_backends: 'fast:file, slow:file, web:http', delayed_delete: 'true' },
  glance_store: { default_backend: 'fast' },
  fast: { filesystem_store_datadir: join(folder.path, 'fast') },
  slow: { filesystem_store_datadir: join(folder.path, 'slow'), weight: '-1' },
  web: {},
  heliostat: { data_dir: join(folder.path, 'data'), chunk_size: '1MB' },
})

async function open() {
  folder = await temporaryFolder()
  configFile = join(folder.path, 'glance-api.conf')
  const text = Object.entries(sections()).map(([name, options]) =>
    [`[${name}]`, ...Object.entries(options).map((pair) => pair.join(' = '))].join('\n'),
  )
  await writeFile(configFile, text.join('\n'))
}

/** What a service does while none of the commands runs. */
async function serve<T>(work: (site: Pick<TestSite, 'request'>) => Promise<T>): Promise<T> {
  const site = await openSiteOn(folder.path, { ...sections(), paste_deploy: { flavor: 'trusted' } })
  try {
    return await work(site)
  } finally {
    await site.close()
  }
}

async function upload(site: Pick<TestSite, 'request'>, store = 'fast'): Promise<string> {
  const { id } = await createImage(site, BARE_RAW, ADMIN)
  const headers = { ...ADMIN, 'X-Image-Meta-Store': store }
  assert.equal((await uploadData(site, id, randomData(SIZE), headers)).status, 204)
  return id
}

const store = (...args: string[]) => heliostat('store', ...args)

const heliostat = (...args: string[]) => runHere(...args, '--config-file', configFile)

async function listed() {
  const { stdout } = await store('list', '--json')
  const rows: { id: string; images: number; bytes: number }[] = JSON.parse(stdout)
  return Object.fromEntries(rows.map(({ id, images }) => [id, images]))
}

/** The files of the chunks in a store. */
async function chunksIn(name: string): Promise<string[]> {
  const root = join(folder.path, name, 'chunks')
  const files = await readdir(root, { recursive: true }).catch(() => [])
  return files.filter((file) => /\/[0-9a-f]{64}$/.test(file)).map((file) => join(root, file))
}

describe('heliostat store', () => {
  let id: string
  before(async () => {
    await open()
    id = await serve((site) => upload(site))
  })
  after(() => folder.remove())

  it('lists the stores, and what lies in them', async () => {
    const { code, stdout } = await store('list')
    assert.equal(code, 0)
    assert.match(stdout, /^ID +KIND +WEIGHT +IMAGES +SIZE +PLACE\n/)
    assert.match(stdout, /^fast +file +default +0 +1 +2\.0 MiB +file:\/.*\/fast\/chunks$/m)
    assert.match(stdout, /^web +http +read-only +0 +0 +0 B +http:$/m)
  })

  it('checks them, and tells of one whose volume is not mounted', async () => {
    const well = await store('check')
    assert.deepEqual([well.code, well.stderr], [0, ''])
    assert.match(well.stdout, /^fast +file +answers, read and written$/m)
    assert.match(well.stdout, /^web +http +is asked image by image, read-only$/m)
    const chunks = join(folder.path, 'fast', 'chunks')
    await rename(chunks, `${chunks}-away`)
    const unmounted = await store('check', 'fast')
    await rm(chunks, { recursive: true, force: true })
    await rename(`${chunks}-away`, chunks)
    assert.equal(unmounted.code, 1)
    assert.match(unmounted.stdout, /^fast +file +FAILS: it is empty, though images lie in it/)
  })

  it('is what verifies them, and not the command of sites that have but one', async () => {
    const { code, stderr } = await heliostat('mirror', 'verify')
    assert.equal(code, 1)
    assert.match(stderr, /^This origin has the stores fast, slow, web: heliostat store verify/)
  })

  it('names what is wrong with its arguments', async () => {
    assert.match(
      (await store('check', 'fsat')).stderr,
      /Store "fsat" is not configured, wanted "fast" or "slow" or "web"/,
    )
    assert.match(
      (await store('copy', '--to', 'web', '--all')).stderr,
      /Store "web" is only read from, wanted "fast" or "slow"/,
    )
    assert.match((await store('copy', '--to', 'slow')).stderr, /Wanted the ids of images, or --all/)
    assert.match((await store('drain', 'fast')).stderr, /is the default one/)
  })

  it('copies images, and once only', async () => {
    const tried = await store('copy', '--to', 'slow', '--all', '--dry-run')
    assert.match(tried.stdout, /Would copy 1 images, 2\.0 MiB, to store "slow"\n$/)
    assert.deepEqual(await chunksIn('slow'), [])
    const unknown = 'b1111111-1111-4111-8111-111111111111'
    const done = await store('copy', '--to', 'slow', '--from', 'fast', id, unknown)
    assert.equal(done.code, 1)
    assert.match(done.stdout, new RegExp(`^${id} +2\\.0 MiB +copied\nCopied 1 images, `))
    assert.match(done.stderr, new RegExp(`Not copied: ${unknown}\n$`))
    assert.equal((await chunksIn('slow')).length, 3)
    const again = await store('copy', '--to', 'slow', '--all')
    assert.deepEqual([again.code, again.stdout], [0, 'Copied 0 images, 0 B, to store "slow"\n'])
  })

  it('verifies a store, names what is lost with its images, and repairs it', async () => {
    const [damaged = '', missing = ''] = await chunksIn('slow')
    await writeFile(damaged, Buffer.alloc(MIB, 1))
    await rm(missing)
    const found = await store('verify', 'slow')
    assert.equal(found.code, 1)
    assert.match(found.stdout, new RegExp(`^damaged  ${damaged.slice(-64)}  image ${id}$`, 'm'))
    assert.match(found.stdout, new RegExp(`^missing  ${missing.slice(-64)}  image ${id}$`, 'm'))
    assert.match(found.stdout, /Read 1 copies, 2\.0 MiB, .* 1 chunks damaged, 1 missing\n$/)
    const repaired = await store('verify', 'slow', '--repair')
    assert.equal(repaired.code, 0, repaired.stderr)
    const well = await store('verify', 'slow')
    assert.deepEqual([well.code, /0 chunks damaged, 0 missing/.test(well.stdout)], [0, true])
  })

  it('says what cannot be repaired, since no other store has it', async () => {
    const [lost = ''] = await chunksIn('slow')
    const digest = lost.slice(-64)
    await rm(lost)
    await rm(join(folder.path, 'fast', 'chunks', digest.slice(0, 2), digest))
    const { code, stderr } = await store('verify', 'slow', '--repair')
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`Image ${id}: chunk ${digest} is whole in no other store`))
  })
})

describe('heliostat store drain', () => {
  beforeEach(open)
  afterEach(() => folder.remove())

  it('moves every image away, also a deactivated one, and tells that the store can go', async () => {
    const [, copied] = await serve(async (site) => {
      const ids = [await upload(site, 'slow'), await upload(site, 'slow')]
      assert.equal((await actOn(site, ids[0] ?? '', 'deactivate', ADMIN)).status, 204)
      return ids
    })
    await store('copy', '--to', 'fast', copied ?? '')
    const { code, stdout, stderr } = await store('drain', 'slow')
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, new RegExp(`^${copied} .* removed, since another copy is whole$`, 'm'))
    assert.match(stdout, / moved to store "fast"$/m)
    assert.match(stdout, /store "slow" any more: it may be taken out of the configuration\n$/)
    assert.deepEqual(await listed(), { fast: 2, slow: 0, web: 0 })
    assert.deepEqual(await chunksIn('slow'), [])
    assert.equal((await chunksIn('fast')).length, 6)
  })

  it('keeps an image whose only other copy is damaged', async () => {
    const id = await serve((site) => upload(site, 'slow'))
    await store('copy', '--to', 'fast', id)
    const [damaged = ''] = await chunksIn('fast')
    await writeFile(damaged, Buffer.alloc(MIB, 1))
    const { code, stderr } = await store('drain', 'slow')
    assert.equal(code, 1)
    assert.match(stderr, /its copy in store "fast" is not whole.*heliostat store verify fast/)
    assert.equal((await chunksIn('slow')).length, 3)
  })

  it('leaves what can still be restored, and says so', async () => {
    const id = await serve(async (site) => {
      const id = await upload(site, 'slow')
      assert.equal((await deleteImage(site, id, ADMIN)).status, 204)
      return id
    })
    const { code, stdout, stderr } = await store('drain', 'slow')
    assert.equal(code, 1)
    assert.match(stdout, new RegExp(`${id} are deleted and can still be restored`))
    assert.match(stderr, /must stay in the configuration/)
  })
})
