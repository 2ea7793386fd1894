import { type Command, Option } from 'commander'
import { type PinOptions, pin, unpin } from './mirror-pin.ts'
import { status } from './mirror-status.ts'
import { type SyncOptions, sync } from './mirror-sync.ts'
import { verify } from './mirror-verify.ts'
import { type ConfigOptions, seconds, withConfigOptions } from './options.ts'
import { findToken, type OwnSiteOptions } from './own-site.ts'

const SYNC_SECONDS = 60

/** `heliostat mirror …`. */
export function addMirrorCommands(program: Command): void {
  const mirror = program.command('mirror').description('Look after an edge, or the origin of edges')

  withMirrorToken(withSite(mirror.command('status')))
    .description('Print how a running site stands; exit 1 when it should get no requests')
    .action(async (options: OwnSiteOptions & { json?: true }) =>
      status({ ...options, ...(await findToken(options)) }),
    )

  withMirrorToken(withSite(mirror.command('sync')))
    .description('Wait until a running edge has every change that its upstream has')
    .option('--timeout <seconds>', 'give up after this', seconds, SYNC_SECONDS)
    .action(async (options: OwnSiteOptions & SyncOptions) =>
      sync({ ...options, ...(await findToken(options)) }),
    )

  withToken(withSite(mirror.command('pin')))
    .description('Have an image lie at a running edge whole, until it is unpinned')
    .argument('<image>', 'its id, or its name')
    .option('--wait', 'until it is there')
    .option('--timeout <seconds>', 'with --wait: give up after this', seconds)
    .action((image: string, options: PinOptions) => pin(image, options))

  withToken(withSite(mirror.command('unpin')))
    .description('Let a running edge forget an image that was pinned')
    .argument('<image>', 'its id, or its name')
    .action((image: string, options: PinOptions) => unpin(image, options))

  withJson(withConfigOptions(mirror.command('verify')))
    .description('Read every chunk on this machine; exit 1 when bytes are damaged or lost')
    .action((options: ConfigOptions & { json?: true }) => verify(options))
}

function withSite(command: Command): Command {
  return withJson(command.option('--url <url>', 'where the site serves', 'http://127.0.0.1:9292'))
}

function withJson(command: Command): Command {
  return command.option('--json', 'print JSON')
}

function withToken(command: Command): Command {
  const option = new Option('--token <token>', "an administrator's token for the Image API")
  return withSecret(command, option.env('HELIOSTAT_TOKEN'))
}

function withMirrorToken(command: Command): Command {
  const option = new Option(
    '--mirror-token <token>',
    "one of the site's [mirror] tokens; not needed on its own machine",
  )
  return withSecret(withConfigOptions(command), option.env('HELIOSTAT_MIRROR_TOKEN'))
}

/** What is typed shows in the list of processes; said last, so that it hides nothing of what the command has to say. */
function withSecret(command: Command, option: Option): Command {
  const warning = `heliostat: ${option.long} shows in the list of processes: set ${option.envVar} instead\n`
  return command.addOption(option).hook('preAction', () => {
    if (command.getOptionValueSource(option.attributeName()) !== 'cli') return
    process.once('exit', () => process.stderr.write(warning))
  })
}
