/** The real Glance, a worker a core, with its cache unless that is not wanted. */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { freePorts } from '../../test/support/free-ports.ts'
import type { Lab, Server } from '../lab.ts'
import type { Keystone } from './keystone.ts'
import { install } from './packages.ts'

const NEEDS = {
  commands: ['glance-api', 'glance-manage'],
  packages: ['glance-api', 'glance-common'],
}

export interface Glance extends Server {
  /** Its database, for more images than could be made by requests. */
  database: string
}

/** A folder in which Glance can be started, again and again. */
export interface GlanceFolder {
  database: string
  start: () => Promise<Glance>
}

export interface GlanceOptions {
  /** Without one nobody has to say who calls. */
  keystone?: Keystone
  /** Without its cache it would not write what is read. */
  withoutCache?: true
}

export async function startGlance(lab: Lab, options: GlanceOptions = {}): Promise<Glance> {
  return (await prepareGlance(lab, options)).start()
}

export async function prepareGlance(lab: Lab, options: GlanceOptions = {}): Promise<GlanceFolder> {
  await install(NEEDS, lab)
  const [port = 0] = await freePorts(1)
  const folder = await lab.subfolder('glance')
  const file = join(folder, 'glance-api.conf')
  const database = join(folder, 'glance.db')
  await writeFile(file, configuration(folder, port, options))
  await lab.command(
    'mkdir',
    ['images', 'staging', 'tasks', 'cache'].map((name) => join(folder, name)),
  )
  await lab.command('glance-manage', ['--config-file', file, 'db_sync'])
  letReadersGoOn(database)
  return {
    database,
    async start() {
      const server = await lab.start({
        name: 'glance',
        command: 'glance-api',
        args: ['--config-file', file],
        url: `http://127.0.0.1:${port}`,
      })
      return { ...server, database }
    },
  }
}

/** Beside the one who writes. */
function letReadersGoOn(database: string): void {
  const connection = new Database(database)
  connection.exec('PRAGMA journal_mode = WAL')
  connection.close()
}

function configuration(
  folder: string,
  port: number,
  { keystone, withoutCache }: GlanceOptions,
): string {
  const flavor = [...(keystone ? ['keystone'] : []), ...(withoutCache ? [] : ['caching'])].join('+')
  const authtoken = Object.entries(keystone?.authtoken ?? {})
    .map(([name, value]) => `${name} = ${value}`)
    .join('\n')
  return `
[DEFAULT]
bind_host = 127.0.0.1
bind_port = ${port}
workers = ${availableParallelism()}
log_file = ${folder}/log
use_stderr = false
enabled_backends = files:file
image_cache_dir = ${folder}/cache
[database]
connection = sqlite:///${folder}/glance.db
[glance_store]
default_backend = files
[files]
filesystem_store_datadir = ${folder}/images
[os_glance_staging_store]
filesystem_store_datadir = ${folder}/staging
[os_glance_tasks_store]
filesystem_store_datadir = ${folder}/tasks
[keystone_authtoken]
auth_type = password
${authtoken}
[paste_deploy]
flavor = ${flavor}
config_file = /usr/share/glance-common/glance-api-paste.ini
`
}
