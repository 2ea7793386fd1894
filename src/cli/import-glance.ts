import { readFile } from 'node:fs/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { VISIBILITIES } from '../../schema/tables.ts'
import { ConfigError } from '../errors.ts'
import type { Fetch } from '../http/fetch.ts'
import { createSourceHttp } from '../imports/moving/http.ts'
import type { Moving } from '../imports/moving/moving.ts'
import { createGlanceSource } from '../imports/moving/source.ts'
import { whyNot } from '../runtime/file-mistakes.ts'
import { createOutgoing } from '../runtime/outgoing.ts'
import { openTokens } from './import-glance-login.ts'
import { createScreen, type Screen } from './moving-report.ts'
import { atOnce, AT_ONCE, collectId, createSiteMoving, reporting } from './moving-site.ts'
import { type ConfigOptions, seconds, withConfigOptions } from './options.ts'
import { type StoreSite, withStores } from './store-site.ts'

const INTERVAL_SECONDS = 5

interface ImportOptions extends ConfigOptions {
  tokenFile?: string
  cacert?: string
  insecure?: boolean
  store?: string
  id?: string[]
  name?: string
  owner?: string
  tag?: string
  visibility?: string
  parallel: number
  adopt?: true
  metadefs: boolean
  dryRun?: true
  follow?: true
  interval: number
  delete?: true
  json?: true
}

/** `heliostat import-glance`. */
export function addImportGlanceCommand(program: Command): void {
  withConfigOptions(program.command('import-glance'))
    .description('Copy images from a running Glance; exit 1 when one is missing at the end')
    .argument('<url>', 'where it serves')
    .option(
      '--token-file <file>',
      "an administrator's token; otherwise OS_TOKEN, or the OS_… of an openrc file",
    )
    .option('--cacert <file>', 'certificates of authorities that are believed (default: OS_CACERT)')
    .option('--insecure', 'believe any certificate')
    .option('--store <store>', 'where the bytes go (default: the default store)')
    .option('--id <id>', 'only this image; may be repeated', collectId)
    .option('--name <name>', 'only images of this name')
    .option('--owner <project>', 'only images of this project')
    .option('--tag <tag>', 'only images with this tag')
    .option(
      '--visibility <visibility>',
      `only images that are ${VISIBILITIES.join(', ')}`,
      visibility,
    )
    .option('--parallel <number>', 'images that are copied at once', atOnce, AT_ONCE)
    .option('--adopt', 'leave images where they lie, in a Ceph, Swift or S3 that both use')
    .option('--no-metadefs', 'leave metadata definitions as they are')
    .option('--dry-run', 'only tell what would be copied')
    .option('--follow', 'go on taking what changes, until Ctrl-C')
    .option('--interval <seconds>', 'with --follow: between two looks', seconds, INTERVAL_SECONDS)
    .option('--delete', 'with --follow: delete what is deleted at the source meanwhile')
    .option('--json', 'print the report as JSON')
    .action((url: string, options: ImportOptions) =>
      withStores(options, (site) => importGlance(site, url, options)),
    )
}

async function importGlance(site: StoreSite, url: string, options: ImportOptions): Promise<void> {
  if (options.delete && !options.follow) throw new ConfigError('--delete: wanted --follow with it')
  const screen = createScreen({
    json: options.json ?? false,
    dryRun: options.dryRun ?? false,
  })
  const moving = await openMoving(site, { url, options, screen })
  await reporting(site, { moving, screen }, () => run(moving, screen, options))
}

async function run(moving: Moving, screen: Screen, options: ImportOptions): Promise<void> {
  if (options.dryRun) return moving.preview()
  await moving.once()
  if (!options.follow) return
  await moving.follow({
    interval: Math.max(1, options.interval) * 1000,
    deletes: options.delete ?? false,
    failed: screen.failed,
  })
}

async function openMoving(
  site: StoreSite,
  { url, options, screen }: { url: string; options: ImportOptions; screen: Screen },
): Promise<Moving> {
  const fetch = await openFetch(options)
  const tokens = openTokens({ tokenFile: options.tokenFile, env: process.env }, fetch)
  const { store, id = [], name, owner, tag, visibility: seen, parallel, metadefs } = options
  return createSiteMoving(site, {
    source: createGlanceSource(createSourceHttp({ root: rootOf(url), tokens, fetch })),
    store,
    filter: { ids: id, name, owner, tag, visibility: seen },
    parallel,
    adopts: options.adopt ?? false,
    metadefs,
    isAll: true,
    screen,
  })
}

async function openFetch({ cacert, insecure = false }: ImportOptions): Promise<Fetch> {
  const path = cacert ?? process.env['OS_CACERT']
  if (!path) return createOutgoing({ insecure })
  const ca = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new ConfigError(`--cacert: cannot read "${path}": ${whyNot(error)}`)
  })
  return createOutgoing({ ca, insecure })
}

/** An endpoint of a catalog may end with the version. */
function rootOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  const isHttp = url !== null && /^https?:$/.test(url.protocol)
  if (isHttp && !url.search && !url.username && !url.password) {
    return text.replace(/\/+$/, '').replace(/\/v2$/, '')
  }
  throw new ConfigError('<url>: wanted where a Glance serves, such as http://controller:9292')
}

function visibility(text: string): string {
  const known = VISIBILITIES.find((one) => one === text)
  if (known !== undefined) return known
  throw new InvalidArgumentError(`Wanted ${VISIBILITIES.join(', ')}.`)
}
