import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type ConfigOptions, readConfig } from '../../src/cli/options.ts'
import { describeConfig } from '../../src/config.ts'
import { ConfigError } from '../../src/errors.ts'
import { SECTIONS } from '../../src/options.ts'
import { LAUNCHER, serveArguments } from '../support/launcher.ts'
import { startOrigin, TOKEN } from '../support/mirrors.ts'
import { startServer } from '../support/process.ts'
import { folderOfFiles, heliostat } from './heliostat.ts'

/** Stands for every secret; nothing may print a part of it. */
const SECRET = 'hunter2-Zx9'

let folder: Awaited<ReturnType<typeof folderOfFiles>>
before(async () => {
  folder = await folderOfFiles()
})
after(() => folder.remove())

/** All that a command prints. */
async function printed(args: string[], env: Record<string, string> = {}): Promise<string> {
  const { stdout, stderr } = await heliostat(args, env)
  return stdout + stderr
}

/** What `heliostat config` and the others print of a configuration, or of why there is none. */
async function told(options: ConfigOptions): Promise<string> {
  try {
    const { config, warnings } = await readConfig(options)
    return [...warnings, describeConfig(config)].join('\n')
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.message
  }
}

const configOf = async (name: string, ...lines: string[]) =>
  told({ configFile: await folder.write(name, ...lines) })

describe('a configuration', () => {
  it('tells no line that it cannot read, only where it is', async () => {
    const lines = [`password ${SECRET}`, SECRET, `[${SECRET}`, `"${SECRET}"`, `]${SECRET}[`]
    for (const [index, line] of lines.entries()) {
      const text = await configOf(`malformed-${index}.conf`, '[keystone_authtoken]', '', line)
      assert.match(text, /^Cannot parse .*: line 3: wanted a section such as /, line)
      assert.doesNotMatch(text, /hunter2|Zx9/, line)
    }
    const twice = await configOf('twice.conf', `password = ${SECRET}`, '[password]', 'x = 1')
    assert.match(twice, /^Cannot parse .*: wanted no section with the name of an option/)
    assert.doesNotMatch(twice, /hunter2|Zx9/)
  })

  it('is told of in the same way by the command', async () => {
    const file = await folder.write('printed.conf', `password ${SECRET}`)
    const text = await printed(['config', '--config-file', file])
    assert.match(text, /^heliostat: Cannot parse the configuration file .*: line 1: wanted /)
    assert.doesNotMatch(text, /hunter2|Zx9/)
  })

  it('tells no value that it refuses, where it may be a secret', async () => {
    const text = await configOf(
      'refused.conf',
      `bind_port = ${SECRET}`,
      `debug = ${SECRET}`,
      `public_endpoint = https://me:${SECRET}@a`,
      '[database]',
      `connection = mysql://me:${SECRET}/${SECRET}@db/glance?password=${SECRET}`,
      '[mirror]',
      `upstream = https://a?token=${SECRET}, me:${SECRET}@b`,
      '[keystone_authtoken]',
      `auth_url = https://a/#${SECRET}`,
      '[paste_deploy]',
      `flavor = ${SECRET}`,
    )
    assert.match(text, /^\[DEFAULT\] bind_port: got "\*\*\*", wanted a whole number$/m)
    assert.match(text, /public_endpoint: got "https:\/\/\*\*\*@a", wanted/)
    assert.match(text, /^\[paste_deploy\] flavor: got "\*\*\*", wanted/m)
    assert.doesNotMatch(text, /hunter2|Zx9/)
  })

  it('tells no name that it does not know, where it may be a secret', async () => {
    const text = await configOf('unknown.conf', `${SECRET}=`, `[${SECRET}9]`, 'workers = 2')
    assert.match(text, /Option \[DEFAULT\] \*\*\* means nothing here/)
    assert.match(text, /Option \[\*\*\*\] workers means nothing here/)
    assert.doesNotMatch(text, /hunter2|Zx9/)
  })

  it('prints no secret that is in force, wherever it stands', async () => {
    const secrets = Object.entries(SECTIONS).flatMap(([section, { shape }]) => [
      `[${section}]`,
      ...Object.keys(shape)
        .filter((option) => /password|secret|token(s|$)/.test(option))
        .filter((option) => !/service_token/.test(option))
        .map((option) => `${option} = ${SECRET}`),
    ])
    const text = await configOf(
      'in-force.conf',
      ...secrets,
      '[mirror]',
      'upstream = http://origin.example',
      '[database]',
      `connection = libsql://${SECRET}@db?authToken=${SECRET}&password=${SECRET}&tls=0`,
      '[keystone_authtoken]',
      `www_authenticate_uri = me:${SECRET}@keystone`,
    )
    assert.match(
      text,
      /^connection = libsql:\/\/\*\*\*@db\?authToken=\*\*\*&password=\*\*\*&tls=0$/m,
    )
    assert.equal(text.match(/^\w+ = \*\*\*$/gm)?.length, 7)
    assert.doesNotMatch(text, /hunter2|Zx9/)
  })
})

describe('a secret on the command line', { concurrency: 2 }, () => {
  const serve = (...args: string[]) =>
    // It ends at once.
    printed(['serve', '--port', 'none', ...args])

  it('is warned of, and taken', async () => {
    const { code, stderr } = await heliostat(
      [
        ...serveArguments(folder.path),
        '--upstream',
        'http://127.0.0.1:1',
        '--upstream-token',
        SECRET,
      ],
      { HELIOSTAT_PASTE_DEPLOY__FLAVOR: 'token', HELIOSTAT_HELIOSTAT__TOKENS: 'none' },
    )
    assert.equal(code, 1)
    assert.match(stderr, /--upstream-token shows in the list of processes: give --upstream-token-/)
    assert.doesNotMatch(stderr, /hunter2|Zx9/)
  })

  it('is warned of after what the command has to say', async () => {
    const args = ['--url', 'http://127.0.0.1:1']
    const pin = await printed(['mirror', 'pin', 'x', ...args, '--token', SECRET])
    assert.match(pin, /^heliostat: No site answers .*\nheliostat: --token shows .*: set HELIOSTAT_/)
    const status = ['mirror', 'status', ...args]
    const typed = await printed([...status, '--mirror-token', SECRET])
    assert.match(typed, /heliostat: --mirror-token shows .*: set HELIOSTAT_MIRROR_TOKEN instead/)
    assert.doesNotMatch(pin + typed, /hunter2|Zx9/)
    assert.doesNotMatch(await printed(status, { HELIOSTAT_MIRROR_TOKEN: SECRET }), /shows/)
  })

  it('may be in a file instead, which has to be there and have one', async () => {
    assert.match(
      await told({ upstreamTokenFile: SECRET }),
      /: cannot read the file: it is not there$/,
    )
    for (const lines of [[], ['', ''], [SECRET, SECRET], [`a ${SECRET}`]]) {
      const text = await told({ upstreamTokenFile: await folder.write('bad-token', ...lines) })
      assert.match(text, /^--upstream-token-file: wanted one line with the token/)
      assert.doesNotMatch(text, /hunter2|Zx9/)
    }
    const both = ['--upstream-token', 'x', '--upstream-token-file', 'y']
    assert.match(await serve(...both), /cannot be used with option '--upstream-token /)
  })

  it('is taken from a file, and no other process sees it', async () => {
    const [origin, file] = await Promise.all([
      startOrigin(join(folder.path, 'origin')),
      folder.write('token', TOKEN, ''),
    ])
    const args = serveArguments(join(folder.path, 'edge'))
    const follow = ['--upstream', origin.url, '--upstream-token-file', file]
    const edge = await startServer(process.execPath, [LAUNCHER, ...args, ...follow], {
      HELIOSTAT_MIRROR__TOKENS: TOKEN,
    })
    const synced = await printed(['mirror', 'sync', '--url', edge.url], {
      HELIOSTAT_MIRROR_TOKEN: TOKEN,
    })
    // Where there is no /proc the processes cannot be looked at that way.
    const line = await readFile(`/proc/${edge.pid}/cmdline`, 'utf8').catch(() => '')
    await Promise.all([edge.kill(), origin.kill()])
    assert.match(synced, /^Caught up/)
    assert.doesNotMatch(line + edge.log(), new RegExp(TOKEN))
    assert.doesNotMatch(edge.log(), /list of processes/)
  })

  it('is not quoted when its option is mistyped', async () => {
    const text = await serve(`--upstream-tokn=${SECRET}`)
    assert.match(text, /^error: unknown option '--upstream-tokn=\*\*\*'/)
    assert.doesNotMatch(text, /hunter2|Zx9/)
  })
})
