import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { FILES } from '../support/definition-files.ts'
import { runHeliostat } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let catalog: string
before(async () => {
  folder = await temporaryFolder()
  catalog = join(folder.path, 'catalog')
  await mkdir(catalog)
  for (const [name, content] of Object.entries(FILES)) {
    await writeFile(join(catalog, name), JSON.stringify(content))
  }
})
after(() => folder.remove())

/** `heliostat db COMMAND` for the one registry of this file. */
function db(command: string, ...args: string[]) {
  return runHeliostat(['db', command, ...args, '--data-dir', join(folder.path, 'data')])
}

describe('the definitions of a new registry', () => {
  it('cannot be loaded before it is there', async () => {
    const { code, stderr } = await db('load-metadefs', catalog)
    assert.equal(code, 1)
    assert.match(stderr, /There is no registry at /)
    assert.equal((await db('sync')).code, 0)
  })

  it('are loaded from a folder', async () => {
    const { code, stdout } = await db('load-metadefs', catalog)
    assert.deepEqual([code, stdout], [0, 'Loaded 3 namespaces from 3 files\n'])
  })

  it('are left alone when they are there; a bad file is named, and makes it fail', async () => {
    await writeFile(join(catalog, 'bad.json'), '{"namespace": "Half", ')
    const { code, stdout, stderr } = await db('load-metadefs', catalog)
    assert.equal(code, 1)
    assert.equal(stdout, 'Loaded 0 namespaces from 4 files, left 3 as they are\n')
    assert.match(stderr, /^heliostat: not loaded: .*bad\.json: not JSON: /)
  })

  it('are exported, each to a file that is named after it', async () => {
    const path = join(folder.path, 'exported')
    const { code, stdout } = await db('export-metadefs', path)
    assert.deepEqual([code, stdout], [0, `Wrote 3 namespaces to ${path}\n`])
    assert.deepEqual((await readdir(path)).toSorted(), [
      'DatabaseSoftware.json',
      'WatchdogBehavior-2.json',
      'WatchdogBehavior.json',
    ])
    const text = await readFile(join(path, 'DatabaseSoftware.json'), 'utf8')
    assert.equal(JSON.parse(text).namespace, 'OS::Software::DBMS')
  })

  it('are all removed', async () => {
    const { code, stdout } = await db('unload-metadefs')
    assert.deepEqual([code, stdout], [0, 'Removed 3 namespaces and all resource types\n'])
  })
})

describe('a command that cannot be done', () => {
  it('says what it wants', async () => {
    const missing = await db('load-metadefs', join(folder.path, 'nowhere'))
    assert.equal(missing.code, 1)
    assert.match(missing.stderr, /There is no file or folder ".*nowhere"/)
    const both = await db('load-metadefs', catalog, '--prefer-new', '--overwrite')
    assert.match(both.stderr, /Give one of --prefer-new and --overwrite, not both/)
  })
})
