import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { loadConfig } from '../../src/config.ts'
import { exposedFiles } from '../../src/runtime/exposed-files.ts'
import { BARE_RAW, bytesOf, createImage, uploadData } from '../support/images.ts'
import { LAUNCHER, serveArguments } from '../support/launcher.ts'
import { siteAt } from '../support/mirrors.ts'
import { startServer } from '../support/process.ts'
import { folderOfFiles } from './heliostat.ts'

let folder: Awaited<ReturnType<typeof folderOfFiles>>
before(async () => {
  folder = await folderOfFiles()
})
after(() => folder.remove())

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)

/** Every file and folder below a folder, with its mode. */
async function modesBelow(path: string): Promise<Record<string, string>> {
  const names = await readdir(path, { recursive: true })
  const modes = await Promise.all(names.map((name) => modeOf(join(path, name))))
  return Object.fromEntries(names.map((name, index) => [name, modes[index] ?? '']))
}

/** Serves where a process gives everything to everybody unless it takes care. */
function serveOpenly(dataDir: string, args: string[] = [], env: Record<string, string> = {}) {
  const command = [process.execPath, LAUNCHER, ...serveArguments(dataDir)]
  const script = ['-c', 'umask 000; exec "$@"', 'sh']
  return startServer('/bin/sh', [...script, ...command, ...args], env)
}

describe('what heliostat serve writes', { skip: process.platform === 'win32' }, () => {
  it('is for its user and its group only, also in a folder that is open to all', async () => {
    const dataDir = join(folder.path, 'open')
    await mkdir(dataDir)
    await chmod(dataDir, 0o777)
    const log = join(folder.path, 'log')
    const server = await serveOpenly(dataDir, [], { HELIOSTAT_LOG_FILE: log })
    const { id } = await createImage(siteAt(server.url), BARE_RAW)
    assert.equal((await uploadData(siteAt(server.url), id, bytesOf('data'))).status, 204)
    const modes = await modesBelow(dataDir)
    await server.kill()
    const names = Object.keys(modes)
    for (const wanted of ['registry.db', 'registry.db-wal', 'registry.db-shm', 'chunks/owner'])
      assert.ok(names.includes(wanted), wanted)
    const folders = names.filter((name) => /^chunks(\/..)?$/.test(name))
    assert.equal(folders.length, 2)
    for (const name of names) {
      const wanted = name === 'operator-token' ? '600' : '640'
      assert.equal(modes[name], folders.includes(name) ? '750' : wanted, name)
    }
    assert.equal(await modeOf(log), '640')
    // It is the operator's.
    assert.equal(await modeOf(dataDir), '777')
  })

  it('begins in a folder of its own with that folder', async () => {
    const dataDir = join(folder.path, 'own', 'data')
    const server = await serveOpenly(dataDir)
    await server.kill()
    assert.equal(await modeOf(dataDir), '750')
  })

  it('begins with a warning of each file that is open to others, which stays so', async () => {
    const dataDir = join(folder.path, 'exposed')
    await mkdir(dataDir)
    await chmod(dataDir, 0o755)
    const config = await folder.write('heliostat.conf', '[mirror]', 'tokens = hush')
    await chmod(config, 0o644)
    const server = await serveOpenly(dataDir, ['--config-file', config])
    await server.kill()
    assert.match(server.log(), /data_dir .*: other users may read it, its mode is 755, wanted 750/)
    assert.match(server.log(), /--config-file .*: other users may read it, its mode is 644, wanted/)
    assert.equal(await modeOf(config), '644')
  })
})

describe('files that are open to others', { skip: process.platform === 'win32' }, () => {
  async function sentences(mode: number, isSecret = true): Promise<string[]> {
    const path = await folder.write('named')
    await chmod(path, mode)
    const { config } = loadConfig({ heliostat: { data_dir: join(folder.path, 'none') } })
    const found = await exposedFiles(config, [{ name: 'It', path, isSecret }])
    return found.map((sentence) => sentence.replace(path, 'FILE'))
  }

  it('are secrets that others may read, or the group may write', async () => {
    const told = (may: string, from: string, to: string) => [
      `It "FILE": other users may ${may} it, its mode is ${from}, wanted ${to}`,
    ]
    assert.deepEqual(await sentences(0o644), told('read', '644', '640'))
    assert.deepEqual(await sentences(0o666), told('change', '666', '640'))
    assert.deepEqual(await sentences(0o660), told('change', '660', '640'))
    assert.deepEqual(await sentences(0o601), told('read', '601', '600'))
    assert.deepEqual(await sentences(0o640), [])
    assert.deepEqual(await sentences(0o600), [])
  })

  it('are others that they may write', async () => {
    assert.equal((await sentences(0o664, false)).length, 1)
    assert.equal((await sentences(0o646, false)).length, 1)
    assert.deepEqual(await sentences(0o644, false), [])
  })

  it('are the data, the tokens and the rules of a site', async () => {
    const dataDir = join(folder.path, 'all')
    const names = ['registry.db', 'registry.db-wal', 'tokens', 'policy.yaml', 'protection.conf']
    await mkdir(join(dataDir, 'chunks'), { recursive: true })
    for (const name of names) await folder.write(join('all', name))
    for (const name of ['', 'chunks', ...names]) await chmod(join(dataDir, name), 0o777)
    const { config } = loadConfig({
      DEFAULT: { property_protection_file: join(dataDir, 'protection.conf') },
      oslo_policy: { policy_file: join(dataDir, 'policy.yaml') },
      heliostat: { data_dir: dataDir, token_file: join(dataDir, 'tokens') },
    })
    const found = await exposedFiles(config, [])
    assert.equal(found.length, 7, found.join('\n'))
  })
})
