import assert from 'node:assert/strict'
import { copyFile, mkdir, readFile, rename, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { chunkFiles } from '../faults/data.ts'
import { BARE_RAW, createImage, uploadData } from '../support/images.ts'
import { siteAt } from '../support/mirrors.ts'
import { randomData } from '../support/random-data.ts'
import { eventually, startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'
import { heliostat } from './heliostat.ts'

const MIB = 1 << 20

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let dataDir: string
let chunk: string
before(async () => {
  folder = await temporaryFolder()
  dataDir = join(folder.path, 'data')
  const server = await startOnNode(dataDir)
  const site = siteAt(server.url)
  const { id } = await createImage(site, BARE_RAW)
  assert.equal((await uploadData(site, id, randomData(MIB))).status, 204)
  await server.stop()
  const [digest = ''] = await chunkFiles(dataDir)
  chunk = join(dataDir, 'chunks', digest.slice(0, 2), digest)
  await grow(chunk, 120)
})
after(() => folder.remove())

/** Makes a file so many minutes old. */
async function grow(file: string, minutes: number): Promise<void> {
  const then = new Date(Date.now() - minutes * 60_000)
  await utimes(file, then, then)
}

const sweep = (...args: string[]) => heliostat(['db', 'sweep', '--data-dir', dataDir, ...args])

describe('heliostat db sweep', () => {
  it('leaves what may still be written, however short the grace', async () => {
    const leftovers = [`${chunk}.old.tmp`, `${chunk}.young.tmp`, `${chunk}.claim`]
    for (const file of leftovers) await writeFile(file, '')
    await grow(`${chunk}.old.tmp`, 11)
    const { code, stdout } = await sweep('--grace', '0')
    assert.deepEqual([code, stdout], [0, 'Removed 0 blobs and 0 chunks\n'])
    const left = [chunk, `${chunk}.claim`, `${chunk}.young.tmp`]
    assert.deepEqual(
      (await chunkFiles(dataDir)).map((name) => join(dirname(chunk), name)),
      left,
    )
  })
})

describe('the chunks of a registry that is not there any more', () => {
  const registry = () => join(dataDir, 'registry.db')
  let owner: string
  before(async () => {
    owner = await readFile(join(dataDir, 'chunks', 'owner'), 'utf8')
    await mkdir(join(folder.path, 'away'))
    await rename(registry(), join(folder.path, 'away', 'registry.db'))
  })

  it('are not swept by a service with another one, which tells why (503)', async () => {
    const server = await startOnNode(dataDir)
    await eventually('the log names both', 5_000, () => {
      const [, found, own] =
        /belong to the registry \\?"(.{36})\\?", not to .*?"(.{36})\\?"/.exec(server.log()) ?? []
      return found === owner && own !== undefined && own !== owner ? true : null
    })
    const response = await fetch(`${server.url}/readyz`)
    assert.equal(response.status, 503)
    assert.deepEqual(await response.json(), { ready: false, reasons: ['foreign-store'] })
    await server.stop()
    assert.ok((await chunkFiles(dataDir)).length > 0)
  })

  it('are not swept by the command, unless they are to be adopted', async () => {
    const refused = await sweep()
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /^heliostat: Nothing is swept: .* heliostat db sweep --adopt\n$/)
    const { code, stdout } = await sweep('--adopt')
    assert.equal(code, 0)
    assert.match(
      stdout,
      /^The chunks now belong to the registry ".{36}"\nRemoved 0 blobs and 1 chunks\n$/,
    )
    assert.notEqual(await readFile(join(dataDir, 'chunks', 'owner'), 'utf8'), owner)
  })

  it('are not the old registry’s any more once they are adopted', async () => {
    await copyFile(join(folder.path, 'away', 'registry.db'), registry())
    assert.match((await sweep()).stderr, /belong to the registry/)
  })
})
