import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Command, CommanderError } from 'commander'
import { createProgram } from '../../src/cli/program.ts'
import { describeConfig, loadConfig } from '../../src/config.ts'
import { identifyByTokens } from '../../src/identity/static-tokens.ts'
import { openRegistry } from '../../src/registry/database.ts'
import { openEmbedded } from '../../src/registry/embedded.ts'
import { CURRENT_REVISION, migrate } from '../../src/registry/migrate.ts'
import { folderOfFiles, heliostat } from './heliostat.ts'

let folder: Awaited<ReturnType<typeof folderOfFiles>>
before(async () => {
  folder = await folderOfFiles()
})
after(() => folder.remove())

const write = (name: string, ...lines: string[]) => folder.write(name, ...lines)

describe('heliostat', { concurrency: 2 }, () => {
  it('tells its commands', async () => {
    const help = await heliostat(['--help'])
    assert.equal(help.code, 0)
    assert.match(help.stdout, /^Usage: heliostat \[options\] \[command\]/)
    assert.match(help.stdout, /^ {2}serve /m)
    assert.match(help.stdout, /^ {2}db /m)
    assert.match(help.stdout, /^ {2}mirror /m)
    assert.match(help.stdout, /^ {2}config /m)
    assert.match(help.stdout, /^ {2}token /m)
  })

  it('refuses an unknown command', async () => {
    const { code, stdout, stderr } = await heliostat(['quack'])
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^error: unknown command 'quack'\n\(see heliostat --help\)\n$/)
  })
})

/** What is written while a program does something, and ends. */
async function written(program: Command, ...args: string[]): Promise<string> {
  let text = ''
  const write = (part: string) => void (text += part)
  for (const command of withBelow(program)) {
    command.exitOverride().configureOutput({ writeOut: write, writeErr: write })
  }
  await program.parseAsync(args, { from: 'user' }).catch((error: unknown) => {
    if (!(error instanceof CommanderError)) throw error
  })
  return text
}

function withBelow(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withBelow)]
}

function pathOf(command: Command): string[] {
  return command.parent ? [...pathOf(command.parent), command.name()] : []
}

describe('the help', () => {
  it('of each command ends with examples of that command', async () => {
    const paths = withBelow(await createProgram()).map(pathOf)
    assert.ok(paths.length > 20)
    for (const path of paths) {
      const help = await written(await createProgram(), ...path, '--help')
      const [, examples = ''] = help.split('\nExamples:\n')
      const command = ['heliostat', ...path].join(' ')
      assert.match(examples, new RegExp(`^ {2}.*${command}`), command)
    }
  })

  it('that an error leads to is the one of its command', async () => {
    assert.match(
      await written(await createProgram(), 'db', 'purge', '--age-in-day', '1'),
      /Did you mean --age-in-days\?\)\n\(see heliostat db purge --help\)\n$/,
    )
    assert.match(
      await written(await createProgram(), 'db', 'chek'),
      /Did you mean check\?\)\n\(see heliostat db --help\)\n$/,
    )
    assert.match(
      await written(await createProgram(), 'token'),
      /--user <user>' not specified\n\(see heliostat token --help\)\n$/,
    )
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
      'backlog = 4096',
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
    assert.match(stdout, /^workers = 4$/m)
    assert.match(stdout, /^api_limit_max = 20$/m)
    assert.match(stdout, /^public_endpoint = https:\/\/img\.example$/m)
    assert.match(stdout, /^disk_formats = raw,qcow2$/m)
    assert.match(stdout, /^container_formats = bare,ova$/m)
    assert.match(stdout, /^connection = libsql:\/\/\*\*\*@db\.example$/m)
    assert.match(stdout, /^auth_token = \*\*\*$/m)
    assert.doesNotMatch(stdout, /:pass|hush/)
    assert.equal(stderr, 'heliostat: Option [DEFAULT] backlog means nothing here and is ignored\n')
  })

  it('puts the environment over the file, and the command line over both', async () => {
    const file = await write(
      'order.conf',
      'debug = true',
      'bind_port = 1',
      '[heliostat]',
      'data_dir = a',
    )
    const args = ['config', '--config-file', file, '--data-dir', 'c']
    const env = { HELIOSTAT_BIND_PORT: '2', HELIOSTAT_HELIOSTAT__DATA_DIR: 'b' }
    const { stdout } = await heliostat(args, env)
    assert.match(stdout, /^debug = true$/m)
    assert.match(stdout, /^bind_port = 2$/m)
    assert.match(stdout, /^data_dir = c$/m)
  })

  it('prints what can be read again', async () => {
    const printed = describeConfig(loadConfig().config)
    const file = await write('again.conf', printed)
    const args = ['config', '--config-file', file]
    assert.deepEqual(await heliostat(args), { code: 0, stdout: printed, stderr: '' })
  })

  it('tells that there is no file', async () => {
    const { code, stderr } = await heliostat(['config', '--config-file', join(folder.path, 'none')])
    assert.equal(code, 1)
    assert.match(
      stderr,
      /^heliostat: Cannot read the configuration file ".*none": it is not there$/m,
    )
  })

  it('tells that a folder is no file', async () => {
    const { code, stderr } = await heliostat(['config', '--config-file', folder.path])
    assert.equal(code, 1)
    assert.match(
      stderr,
      /^heliostat: Cannot read the configuration file ".*": it is a folder, wanted a file\n$/,
    )
  })
})

const asConnection = (file: string) => ({ HELIOSTAT_DATABASE__CONNECTION: `sqlite:///${file}` })

/** A database with the current schema, and what the statement makes of it. */
async function migrated(name: string, statement = 'SELECT 1'): Promise<string> {
  const file = join(folder.path, name)
  const registry = openRegistry(openEmbedded(file))
  await migrate(registry)
  await registry.$client.execute(statement)
  registry.$client.close()
  return file
}

describe('heliostat db', { concurrency: 2 }, () => {
  it('brings the schema up to date once, and checks that it is so', async () => {
    const args = ['--data-dir', join(folder.path, 'fresh', 'deeper')]
    const first = await heliostat(['db', 'sync', ...args])
    assert.equal(first.code, 0)
    assert.match(first.stdout, /^Applied \S+.*; the schema is at revision \S+\n$/)
    const second = await heliostat(['db', 'sync', ...args])
    assert.equal(second.stdout, `Nothing to do; the schema is at revision ${CURRENT_REVISION}\n`)

    const ready = await heliostat(['db', 'check', ...args])
    assert.equal(ready.code, 0)
    assert.match(ready.stdout, new RegExp(`^revision {2}${CURRENT_REVISION}$`, 'm'))
    assert.match(ready.stdout, /^ +0 {2}images$/m)
  })

  it('tells that a database has no schema', async () => {
    const file = asConnection(await write('empty.db'))
    assert.deepEqual(await heliostat(['db', 'version'], file), {
      code: 0,
      stdout: 'none\n',
      stderr: '',
    })
    const unready = await heliostat(['db', 'check'], file)
    assert.equal(unready.code, 1)
    assert.match(unready.stdout, /^database {2}.*empty\.db\nrevision {2}none\nNot up to date, /)
    const purge = await heliostat(['db', 'purge'], file)
    assert.equal(purge.code, 1)
    assert.match(
      purge.stderr,
      /^heliostat: The database is at revision "", .* heliostat db sync\n$/,
    )
  })

  it('makes no registry of a mistyped folder', async () => {
    const typo = join(folder.path, 'typo')
    for (const command of ['version', 'check', 'purge', 'sweep', 'unload-metadefs']) {
      const { code, stderr } = await heliostat(['db', command, '--data-dir', typo])
      assert.equal(code, 1)
      assert.match(stderr, /^heliostat: There is no registry at ".*typo\/registry\.db": give .*\n$/)
    }
    assert.equal(existsSync(typo), false)
  })

  it('tells that a file is no database', async () => {
    const file = await write('garbage.db', 'This is no database. '.repeat(1000))
    const { code, stdout, stderr } = await heliostat(['db', 'check'], asConnection(file))
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^heliostat: .*not a database\n$/)
  })

  it('sweeps', async () => {
    const file = await migrated('swept.db')
    const args = ['db', 'sweep', '--data-dir', folder.path, '--grace', '0']
    assert.deepEqual(await heliostat(args, asConnection(file)), {
      code: 0,
      stdout: 'Removed 0 blobs and 0 chunks\n',
      stderr: '',
    })
  })

  it('takes a database of another revision for one that is not up to date', async () => {
    const insert = "INSERT INTO schema_migrations (revision) VALUES ('9999_future')"
    const file = await migrated('newer.db', insert)
    const { code, stdout } = await heliostat(['db', 'check'], asConnection(file))
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
    const caller = await identifyByTokens(stdout)({
      headers,
      method: 'GET',
      path: '/v2/images',
      peerAddress: null,
    })
    assert.equal(caller?.userId, 'ann')
    assert.equal(caller.projectId, 'project-a')
    assert.deepEqual(caller.roles, ['admin', 'member'])
    assert.doesNotMatch(stdout, new RegExp(token))
  })

  it('says which option has what a line cannot have', async () => {
    const refused = async (...args: string[]) => written(await createProgram(), 'token', ...args)
    const colon = /^--user: got "a:b", wanted none with a colon, since colons part the fields of a/
    await assert.rejects(refused('--user', 'a:b'), { name: 'ConfigError', message: colon })
    await assert.rejects(refused('--user', 'a', '--project', 'b c'), {
      message: /^--project: got "b c", wanted none with a blank/,
    })
    await assert.rejects(refused('--user', 'a', '--roles', 'x, y'), {
      message: /^--roles: got "x, y", wanted none with a blank/,
    })
    await assert.rejects(refused('--user', 'a', '--roles', ','), { message: /^--roles: got none/ })
    await assert.rejects(refused('--user', ''), { message: /^--user: got ""/ })
  })
})
