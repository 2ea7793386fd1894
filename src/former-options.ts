/**
 * What an existing glance-api.conf may say in other words: options under a name or in a section that they had before,
 * and those that only together say what one option says here.
 */
import type { RawConfig } from './options.ts'

type Place = readonly [section: string, option: string]

/** What Glance, oslo, keystonemiddleware and keystoneauth still read, and what was ours, each with its place today. */
const MOVED: readonly (readonly [from: Place, to: Place])[] = [
  [
    ['DEFAULT', 'require_image_format_match'],
    ['image_format', 'require_image_format_match'],
  ],
  [
    ['DEFAULT', 'disk_formats'],
    ['image_format', 'disk_formats'],
  ],
  [
    ['DEFAULT', 'container_formats'],
    ['image_format', 'container_formats'],
  ],
  [
    ['DEFAULT', 'logfile'],
    ['DEFAULT', 'log_file'],
  ],
  [
    ['DEFAULT', 'logdir'],
    ['DEFAULT', 'log_dir'],
  ],
  [
    ['keystone_authtoken', 'auth_uri'],
    ['keystone_authtoken', 'www_authenticate_uri'],
  ],
  [
    ['key_manager', 'auth_url'],
    ['barbican', 'auth_endpoint'],
  ],
  ...['keystone_authtoken', 'oslo_limit'].flatMap((section): [Place, Place][] => [
    [
      [section, 'auth_plugin'],
      [section, 'auth_type'],
    ],
    [
      [section, 'user_name'],
      [section, 'username'],
    ],
    [
      [section, 'tenant_name'],
      [section, 'project_name'],
    ],
  ]),
]

export interface Current {
  raw: RawConfig
  /** One sentence for each option that stands where it no longer should. */
  warnings: string[]
}

/** One source of a configuration, in which every option that means something here has its name of today. */
export function inCurrentWords(given: RawConfig): Current {
  const raw: RawConfig = {}
  for (const [name, options] of Object.entries(given)) {
    // As oslo.config: only [DEFAULT] has to be written in that way.
    const section = name === 'DEFAULT' ? name : name.toLowerCase()
    raw[section] = { ...raw[section], ...options }
  }
  const warnings = MOVED.flatMap(([from, to]) => move(raw, from, to))
  joinLogFolder(raw)
  return { raw, warnings }
}

/** Where both are given the new one counts, as in oslo.config. */
function move(raw: RawConfig, from: Place, [section, option]: Place): string[] {
  const value = take(raw, from)
  if (value === undefined) return []
  raw[section] = { [option]: value, ...raw[section] }
  return [`Option [${from.join('] ')} is read, but its place is now [${section}] ${option}`]
}

/** `log_dir` is where a relative `log_file` lies, or a file of our own name. */
function joinLogFolder(raw: RawConfig): void {
  const folder = take(raw, ['DEFAULT', 'log_dir'])
  if (!folder) return
  const file = raw['DEFAULT']?.['log_file'] || 'heliostat.log'
  const path = file.startsWith('/') ? file : `${folder.replace(/\/+$/, '')}/${file}`
  raw['DEFAULT'] = { ...raw['DEFAULT'], log_file: path }
}

function take(raw: RawConfig, [section, option]: Place): string | undefined {
  const options = raw[section]
  if (options === undefined || !Object.hasOwn(options, option)) return undefined
  const { [option]: value, ...rest } = options
  raw[section] = rest
  return value
}
