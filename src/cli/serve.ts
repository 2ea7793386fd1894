import { dirname } from 'node:path'
import { getLogger } from '@logtape/logtape'
import { type Command, Option } from 'commander'
import type { Config } from '../config.ts'
import { codeOf } from '../error-code.ts'
import { ConfigError } from '../errors.ts'
import { shownPath } from '../masking.ts'
import { denoRuntime, serveOnDeno } from '../runtime/deno.ts'
import { exposedFiles } from '../runtime/exposed-files.ts'
import { whyNot } from '../runtime/file-mistakes.ts'
import { serveOnNode } from '../runtime/node.ts'
import { configureLogging } from './logging.ts'
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
  const { config, warnings, files } = await readConfig(options)
  goOnWithoutReader()
  const { log_file, debug } = config.DEFAULT
  const output = await configureLogging(log_file, debug).catch((error: unknown) => {
    throw logError(error, config)
  })
  endOnMistakes(output)
  for (const warning of [...warnings, ...(await exposedFiles(config, files))]) log.warn(warning)
  const deno = denoRuntime()
  const starting = deno ? serveOnDeno(config, deno) : serveOnNode(config)
  stopOnSignals(starting, output)
  const server = await starting
  process.stdout.write(greeting(server.url, config))
}

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
