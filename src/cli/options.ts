import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { parse, ParsingError } from 'js-ini'
import {
  fromEnvironment,
  holdsSecrets,
  type LoadedConfig,
  loadConfig,
  type RawConfig,
} from '../config.ts'
import { ConfigError } from '../errors.ts'
import type { NamedFile } from '../runtime/exposed-files.ts'
import { whyNot } from '../runtime/file-mistakes.ts'
import { joinRepeated } from './repeated-options.ts'
import { fillReferences } from './substitution.ts'
import { unquote } from './unquote.ts'

export interface ConfigOptions {
  configFile?: string
  dataDir?: string
  host?: string
  port?: string
  upstream?: string
  upstreamToken?: string
  upstreamTokenFile?: string
}

interface ReadConfig extends LoadedConfig {
  /** What of it was read from files. */
  files: NamedFile[]
}

/** Adds the options by which a command finds its configuration. */
export function withConfigOptions(command: Command): Command {
  return command
    .option('--config-file <file>', 'a file in the format of glance-api.conf')
    .option('--data-dir <dir>', 'where the database file and the chunks are (default: ./data)')
}

/** Parses an option of a whole number of seconds. */
export function seconds(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Wanted a whole number of seconds.')
}

const TYPED_TOKEN =
  '--upstream-token shows in the list of processes: give --upstream-token-file FILE, or set ' +
  'HELIOSTAT_MIRROR__UPSTREAM_TOKEN'

/** Reads the configuration: the file, over it the environment, over that the command line. */
export async function readConfig(options: ConfigOptions): Promise<ReadConfig> {
  const { configFile, upstreamToken, upstreamTokenFile } = options
  const file =
    configFile === undefined ? {} : withFilesBeside(configFile, await readConfigFile(configFile))
  const given = fromOptions(options, await readToken(options))
  const { config, warnings } = loadConfig(file, fromEnvironment(process.env), given)
  const files = [
    { name: '--config-file', path: configFile, isSecret: holdsSecrets(file) },
    { name: '--upstream-token-file', path: upstreamTokenFile, isSecret: true },
  ]
  return {
    config,
    warnings: upstreamToken === undefined ? warnings : [...warnings, TYPED_TOKEN],
    files: files.flatMap(({ path, ...rest }) => (path === undefined ? [] : { path, ...rest })),
  }
}

function fromOptions(options: ConfigOptions, upstreamToken: string | undefined): RawConfig {
  const { dataDir, host, port, upstream } = options
  return {
    mirror: {
      ...(upstream !== undefined && { upstream }),
      ...(upstreamToken !== undefined && { upstream_token: upstreamToken }),
    },
    DEFAULT: {
      ...(host !== undefined && { bind_host: host }),
      ...(port !== undefined && { bind_port: port }),
    },
    heliostat: { ...(dataDir !== undefined && { data_dir: dataDir }) },
  }
}

/** The name of the file is in no message: it may be the token, given to the wrong option. */
async function readToken({ upstreamToken, upstreamTokenFile: path }: ConfigOptions) {
  if (path === undefined) return upstreamToken
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new ConfigError(`--upstream-token-file: cannot read the file: ${whyNot(error)}`)
  })
  const token = text.trim()
  if (/^\S+$/.test(token)) return token
  throw new ConfigError('--upstream-token-file: wanted one line with the token in the file')
}

async function readConfigFile(path: string): Promise<RawConfig> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new ConfigError(`Cannot read the configuration file "${path}": ${whyNot(error)}`)
  })
  try {
    return fillReferences(parseConfigFile(text))
  } catch (cause) {
    throw new ConfigError(`Cannot parse the configuration file "${path}": ${mistakeOf(cause)}`)
  }
}

/** What Glance looks for beside its configuration file, and under which name where no option says another. */
const FILES_BESIDE = [
  { section: 'oslo_policy', option: 'policy_file', byDefault: 'policy.yaml' },
  { section: 'DEFAULT', option: 'property_protection_file', byDefault: '' },
]

function withFilesBeside(configFile: string, raw: RawConfig): RawConfig {
  const beside: RawConfig = { ...raw }
  for (const { section, option, byDefault } of FILES_BESIDE) {
    const name = raw[section]?.[option] ?? byDefault
    const path = join(dirname(configFile), name)
    if (name === '' || isAbsolute(name) || !existsSync(path)) continue
    beside[section] = { ...beside[section], [option]: path }
  }
  return beside
}

/** Without the text itself, which the parser quotes: a secret may have been broken in two. */
function mistakeOf(error: unknown): string {
  return error instanceof ParsingError
    ? `line ${error.lineNumber}: wanted a section such as [DEFAULT], or an option such as debug = true`
    : 'wanted no section with the name of an option that stands before the first one'
}

/** The dialect of oslo.config, which is that of INI files but for continued lines and colons. */
export function parseConfigFile(text: string): RawConfig {
  const joined = joinContinuations(text).replace(/^([^[=:\s]+)[ \t]*:/gm, '$1 =')
  const parsed = parse(joinRepeated(joined), { autoTyping: false, comment: ['#', ';'] })
  const raw: RawConfig = { DEFAULT: {} }
  for (const [name, value] of Object.entries(parsed)) {
    // What stands before the first section belongs to [DEFAULT].
    const [section, options] =
      typeof value === 'object' ? [name, value] : ['DEFAULT', { [name]: value }]
    raw[section] = { ...raw[section], ...stringsOf(options) }
  }
  return raw
}

/** Lines that begin with blanks continue the option above, comments between them or not. Keeps the lines' numbers. */
function joinContinuations(text: string): string {
  const lines = text.split(/\r?\n/)
  let option = -1
  lines.forEach((line, index) => {
    if (/^[ \t]*[#;]/.test(line)) {
      lines[index] = ''
    } else if (option >= 0 && /^[ \t]+\S/.test(line)) {
      lines[option] = `${lines[option]} ${line.trim()}`
      lines[index] = ''
    } else {
      option = /^[ \t]*(\[|$)/.test(line) ? -1 : index
    }
  })
  return lines.join('\n')
}

function stringsOf(options: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(options).map(([option, value]) => [option, unquote(String(value))]),
  )
}
