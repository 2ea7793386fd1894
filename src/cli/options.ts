import { readFile } from 'node:fs/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { parse } from 'js-ini'
import { fromEnvironment, type LoadedConfig, loadConfig, type RawConfig } from '../config.ts'
import { ConfigError } from '../errors.ts'

export interface ConfigOptions {
  configFile?: string
  dataDir?: string
  host?: string
  port?: string
  upstream?: string
  upstreamToken?: string
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

/** Reads the configuration: the file, over it the environment, over that the command line. */
export async function readConfig(options: ConfigOptions): Promise<LoadedConfig> {
  const file = options.configFile === undefined ? {} : await readConfigFile(options.configFile)
  return loadConfig(file, fromEnvironment(process.env), fromOptions(options))
}

function fromOptions(options: ConfigOptions): RawConfig {
  const { dataDir, host, port, upstream, upstreamToken } = options
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

async function readConfigFile(path: string): Promise<RawConfig> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ConfigError(`Cannot read the configuration file "${path}": ${String(cause)}`)
  })
  try {
    return parseConfigFile(text)
  } catch (cause) {
    throw new ConfigError(`Cannot parse the configuration file "${path}": ${String(cause)}`)
  }
}

/** The dialect of oslo.config, which is that of INI files but for continued lines and colons. */
export function parseConfigFile(text: string): RawConfig {
  const joined = joinContinuations(text).replace(/^([^[=:\s]+)[ \t]*:/gm, '$1 =')
  const parsed = parse(joined, { autoTyping: false, comment: ['#', ';'] })
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

/** oslo.config takes one pair of quotes off. */
function unquote(value: string): string {
  return value.replace(/^(["'])(.*)\1$/, '$2')
}
