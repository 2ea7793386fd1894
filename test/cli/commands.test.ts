import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import packageJson from '../../package.json' with { type: 'json' }
import { identifyByTokens } from '../../src/identity/static-tokens.ts'
import { openEmbedded } from '../../src/registry/embedded.ts'
import { temporaryFolder } from '../support/site.ts'
import { heliostat } from './heliostat.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

const write = async (name: string, ...lines: string[]) => {
  const path = join(folder.path, name)
  await writeFile(path, lines.join('\n'))
  return path
}

describe('heliostat', { concurrency: 2 }, () => {
  it('tells its commands and its version', async () => {
    const help = await heliostat(['--help'])
    assert.equal(help.code, 0)
    assert.match(help.stdout, /^Usage: heliostat \[options\] \[command\]/)
    assert.match(help.stdout, /^ {2}serve /m)
    assert.match(help.stdout, /^ {2}db /m)
    assert.match(help.stdout, /^ {2}config /m)
    assert.match(help.stdout, /^ {2}token /m)
    const version = await heliostat(['--version'])
    assert.equal(version.stdout, `${packageJson.version}\n`)
  })

  it('refuses an unknown command', async () => {
    const { code, stdout, stderr } = await heliostat(['explode'])
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^error: unknown command 'explode'\n\(see heliostat --help\)\n$/)
  })
})

describe('heliostat config', { concurrency: 2 }, () => {
  it('prints what a file in the dialect of Glance says', async () => {
    const file = await write(
      'glance-api.conf',
      '# The API',
      '[DEFAULT]',
      'bind_port = 9393',
      '; twice: the last counts',
      'api_limit_max = 10',
      'api_limit_max = 20',
      'public_endpoint = "https://img.example/"',
      'workers = 4',
      '[image_format]',
      'disk_formats = [raw,',
      '  qcow2]',
      'container_formats = bare, ova',
      '[database]',
      'connection = libsql://me:pass@db.example',
      'auth_token = hush',
    )
    const { code, stdout, stderr } = await heliostat(['config', '--config-file', file])
    assert.equal(code, 0)
    assert.match(stdout, /^\[DEFAULT\]$/m)
    assert.match(stdout, /^bind_port = 9393$/m)
    assert.match(stdout, /^api_limit_max = 20$/m)
    assert.match(stdout, /^public_endpoint = https:\/\/img\.example$/m)
    assert.match(stdout, /^disk_formats = raw,qcow2$/m)
    assert.match(stdout, /^container_formats = bare,ova$/m)
    assert.match(stdout, /^connection = libsql:\/\/\*\*\*@db\.example$/m)
    assert.match(stdout, /^auth_token = \*\*\*$/m)
    assert.doesNotMatch(stdout, /pass|hush/)
    assert.equal(
      stderr,
      'heliostat: Option [DEFAULT] workers means nothing here and is ignored\n',
    )
  })

  it('puts the environment over the file, and the command line over both', async () => {
    const file = await write('order.conf', 'debug = true', 'bind_port = 1', '[heliostat]', 'data_dir = a')
    const args = ['config', '--config-file', file, '--data-dir', 'c']
    const env = { HELIOSTAT_BIND_PORT: '2', HELIOSTAT_HELIOSTAT__DATA_DIR: 'b' }
    const { stdout } = await heliostat(args, env)
    assert.match(stdout, /^debug = true$/m)
    assert.match(stdout, /^bind_port = 2$/m)
    assert.match(stdout, /^data_dir = c$/m)
  })

  it('prints what can be read again', async () => {
    const first = await heliostat(['config'])
    const file = await write('again.conf', first.stdout)
    const second = await heliostat(['config', '--config-file', file])
    assert.equal(second.stdout, first.stdout)
    assert.equal(second.stderr, '')
  })

  it('tells all mistakes, each in a line', async () => {
    const file = await write('wrong.conf', 'bind_port = x', 'debug = perhaps')
    const { code, stdout, stderr } = await heliostat(['config', '--config-file', file])
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.equal(
      stderr,
      'heliostat: [DEFAULT] bind_port: got "x", wanted a whole number\n' +
        '[DEFAULT] debug: got "perhaps", wanted true or false\n',
    )
  })

  it('tells what is wrong with the file', async () => {
    const missing = await heliostat(['config', '--config-file', join(folder.path, 'none.conf')])
    assert.equal(missing.code, 1)
    assert.match(missing.stderr, /^heliostat: Cannot read the configuration file ".*none\.conf": /)
    const file = await write('junk.conf', '[DEFAULT]', 'junk')
    const junk = await heliostat(['config', '--config-file', file])
    assert.equal(junk.code, 1)
    assert.match(junk.stderr, /^heliostat: Cannot parse the configuration file .*"junk"\n$/)
  })
})

describe('heliostat db', { concurrency: 2 }, () => {
  it('brings the schema up to date, once', async () => {
    const args = ['--data-dir', join(folder.path, 'fresh', 'deeper')]
    const before = await heliostat(['db', 'version', ...args])
    assert.deepEqual(before, { code: 0, stdout: 'none\n', stderr: '' })
    const first = await heliostat(['db', 'sync', ...args])
    assert.equal(first.code, 0)
    assert.match(first.stdout, /^Applied \S+.*; the schema is at revision \S+\n$/)
    const second = await heliostat(['db', 'sync', ...args])
    assert.match(second.stdout, /^Nothing to do; the schema is at revision \S+\n$/)
    const version = await heliostat(['db', 'version', ...args])
    assert.equal(version.stdout.trim(), /revision (\S+)/.exec(first.stdout)?.[1])
  })

  it('checks that it is so', async () => {
    const dataDir = join(folder.path, 'checked')
    const before = await heliostat(['db', 'check', '--data-dir', dataDir])
    assert.equal(before.code, 1)
    assert.match(before.stdout, /^database {2}.*registry\.db\nrevision {2}none\nNot up to date, wanted/)
    await heliostat(['db', 'sync', '--data-dir', dataDir])
    const synced = await heliostat(['db', 'check', '--data-dir', dataDir])
    assert.equal(synced.code, 0)
    assert.match(synced.stdout, /^ +0 {2}images$/m)
  })

  it('tells that a file is no database', async () => {
    const file = await write('garbage.db', 'This is no database. '.repeat(1000))
    const env = { HELIOSTAT_DATABASE__CONNECTION: `sqlite:///${file}` }
    const { code, stdout, stderr } = await heliostat(['db', 'check'], env)
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^heliostat: .*not a database\n$/)
  })

  it('sweeps, and wants seconds as a number', async () => {
    const dataDir = join(folder.path, 'swept')
    await heliostat(['db', 'sync', '--data-dir', dataDir])
    const swept = await heliostat(['db', 'sweep', '--data-dir', dataDir, '--grace', '0'])
    assert.deepEqual(swept, { code: 0, stdout: 'Removed 0 blobs and 0 chunks\n', stderr: '' })
    const wrong = await heliostat(['db', 'sweep', '--data-dir', dataDir, '--grace', 'soon'])
    assert.equal(wrong.code, 1)
    assert.match(wrong.stderr, /Wanted a whole number of seconds\./)
  })

  it('leaves a database of a newer revision alone', async () => {
    const file = join(folder.path, 'newer.db')
    const env = { HELIOSTAT_DATABASE__CONNECTION: `sqlite:///${file}` }
    await heliostat(['db', 'sync'], env)
    const client = openEmbedded(file)
    await client.execute("INSERT INTO schema_migrations (revision) VALUES ('9999_future')")
    client.close()
    const { code, stdout } = await heliostat(['db', 'check'], env)
    assert.equal(code, 1)
    assert.match(stdout, /^revision {2}9999_future$/m)
  })
})

describe('heliostat token', { concurrency: 2 }, () => {
  it('prints a line by which the token is known', async () => {
    const args = ['token', '--user', 'ann', '--project', 'project-a', '--roles', 'admin,member']
    const { code, stdout, stderr } = await heliostat(args)
    assert.equal(code, 0)
    const [, token = ''] = /The token, shown only now: (\S+)\n$/.exec(stderr) ?? []
    const headers = new Headers({ 'X-Auth-Token': token })
    const caller = await identifyByTokens(stdout)({ headers, peerAddress: null })
    assert.deepEqual(caller, {
      userId: 'ann',
      projectId: 'project-a',
      roles: ['admin', 'member'],
      isAdmin: true,
    })
    assert.doesNotMatch(stdout, new RegExp(token))
  })

  it('wants a user', async () => {
    const { code, stderr } = await heliostat(['token'])
    assert.equal(code, 1)
    assert.match(stderr, /required option '--user <user>' not specified/)
  })
})
