import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { getLogger } from '@logtape/logtape'
import { type Command, Option } from 'commander'
import type { Config } from '../config.ts'
import { codeOf } from '../error-code.ts'
import { ConfigError } from '../errors.ts'
import { shownPath } from '../masking.ts'
import { denoRuntime } from '../runtime/deno-runtime.ts'
import { exposedFiles } from '../runtime/exposed-files.ts'
import { whyNot } from '../runtime/file-mistakes.ts'
import type { RunningServer } from '../runtime/node.ts'
import { isWorkerProcess, type Joined, joinWorkers } from '../runtime/processes/peers.ts'
import { configureLogging, type Log, passOn } from './logging.ts'
import { type ConfigOptions, readConfig, withConfigOptions } from './options.ts'
import { goOnWithoutReader } from './print.ts'
import { endOnMistakes, stopOnSignals } from './stopping.ts'

const log = getLogger(['heliostat', 'serve'])

/** `heliostat serve`. */
export function addServeCommand(program: Command): void {
  const upstreamTokenFile = new Option(
    '--upstream-token-file <file>',
    "a file with one of the upstream's mirror tokens",
  )
  withConfigOptions(program.command('serve'))
    .description('Serve the Image API until SIGTERM or SIGINT')
    .option('--host <address>', 'the address to listen on (default: 127.0.0.1)')
    .option('--port <port>', 'the port to listen on (default: 9292)')
    .option(
      '--upstream <urls>',
      'be an edge: follow this site, or the first of several that answers',
    )
    .addOption(upstreamTokenFile.conflicts('upstreamToken'))
    .option('--upstream-token <token>', 'the token itself: every user of this machine sees it')
    .action(serve)
}

async function serve(options: ConfigOptions): Promise<void> {
  if (isWorkerProcess()) return serveBesideOthers(await joinWorkers())
  const { config, warnings, files } = await readConfig(options)
  const output = await openLog(config)
  for (const warning of [...warnings, ...(await exposedFiles(config, files))]) log.warn(warning)
  const starting = start(config, output)
  stopOnSignals(starting, output)
  const server = await starting
  process.stdout.write(greeting(server.url, config))
}

/** What its supervisor has started. */
async function serveBesideOthers({ config, peers, ...supervisor }: Joined): Promise<void> {
  const output = await openLog(config)
  const { serveOnNode } = await import('../runtime/node.ts')
  const starting = serveOnNode(config, peers)
  supervisor.onStop(stopOnSignals(starting, output))
  supervisor.onReopenLog(() => output.reopen?.())
  supervisor.ready((await starting).url)
}

async function openLog(config: Config): Promise<Log> {
  goOnWithoutReader()
  const { log_file, debug } = config.DEFAULT
  const output = await configureLogging(log_file, debug).catch((error: unknown) => {
    throw logError(error, config)
  })
  endOnMistakes(output)
  return output
}

/** What serves is loaded when it is wanted: a supervisor has no use for it. */
async function start(config: Config, output: Log): Promise<RunningServer> {
  const deno = denoRuntime()
  const { workers } = config.DEFAULT
  if (deno) {
    if (workers !== 1) log.warn(ONLY_ON_NODE)
    return (await import('../runtime/deno.ts')).serveOnDeno(config, deno)
  }
  const count = workers === 0 ? availableParallelism() : workers
  if (count === 1) return (await import('../runtime/node.ts')).serveOnNode(config)
  const { superviseWorkers } = await import('../runtime/processes/supervisor.ts')
  const { started, reopenLog } = superviseWorkers({
    config,
    count,
    logged: output.isPipe ? passOn : null,
    failed: (code) => process.exit(code),
  })
  process.on('SIGHUP', reopenLog)
  return started
}

const ONLY_ON_NODE =
  'Option [DEFAULT] workers has an effect only on Node: on Deno one process serves'

/** In words, where the file is the reason. */
function logError(error: unknown, { DEFAULT }: Config): unknown {
  const file = DEFAULT.log_file
  if (file === null || codeOf(error) === '') return error
  const folder = codeOf(error) === 'ENOENT' ? `, make the folder "${dirname(file)}" first` : ''
  return new ConfigError(
    `[DEFAULT] log_file: cannot write "${shownPath(file)}": ${whyNot(error)}${folder}`,
  )
}

function greeting(url: string, { paste_deploy, heliostat, mirror }: Config): string {
  const open = paste_deploy.flavor === ''
  const token = open ? '' : `-H "X-Auth-Token: $TOKEN" `
  const [origin] = mirror.upstream
  return `Heliostat serves the Image API on ${url}
Data: ${heliostat.data_dir}${open ? '; every caller is an administrator' : ''}
${origin === undefined ? '' : `Mirror of ${origin}\n`}
Try in another terminal:
  curl ${token}${url}/v2/images
  openstack ${clientOptions(url, paste_deploy.flavor)}image ${origin === undefined ? CREATE : 'list'}
`
}

const CREATE =
  'create cirros --file cirros.qcow2 --disk-format qcow2 --container-format bare --public'

function clientOptions(url: string, flavor: Config['paste_deploy']['flavor']): string {
  switch (flavor) {
    case '':
      return `--os-auth-type none --os-endpoint ${url} `
    case 'keystone':
      // The user's settings lead to Keystone, whose catalog leads here.
      return ''
    case 'token':
    case 'trusted':
      // With a token the client does not look for versions, so it has to be given one.
      return `--os-auth-type admin_token --os-token $TOKEN --os-endpoint ${url}/v2 `
  }
}
