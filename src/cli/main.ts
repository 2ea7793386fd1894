import { CommanderError, program } from 'commander'
import { ConfigError, HeliostatError } from '../errors.ts'
import { hideCredentials } from '../masking.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { reasonOf, traceOf } from '../reason.ts'
import { addConfigCommand } from './config.ts'
import { addDbCommands } from './db.ts'
import { addMirrorCommands } from './mirror.ts'
import { addPolicyCommands } from './policy.ts'
import { endWithReader, printError } from './print.ts'
import { addServeCommand } from './serve.ts'
import { addTokenCommand } from './token.ts'

endWithReader()

program
  .name('heliostat')
  .description('OpenStack Image service (the Glance API) with read-only mirrors at the edge')
  .version(packageJson.version)
  .showHelpAfterError('(see heliostat --help)')
  // A mistyped option is quoted with its value.
  .configureOutput({
    outputError: (text, write) => write(text.replace(/(--[\w-]+=).*(?=')/g, '$1***')),
  })

addServeCommand(program)
addDbCommands(program)
addMirrorCommands(program)
addConfigCommand(program)
addPolicyCommands(program)
addTokenCommand(program)

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) printError(hideCredentials(describe(error)))
  // At once: what the command has opened before it failed would keep the process alive.
  process.exit(error instanceof CommanderError ? error.exitCode : 1)
}

/** What an operator can mend is told in a sentence; anything else is our mistake and shows where. */
function describe(error: unknown): string {
  if (error instanceof ConfigError || error instanceof HeliostatError) return error.message
  if (error instanceof Error && 'code' in error) return reasonOf(error)
  // A permission of Deno: its message names the option that gives it.
  if (error instanceof Error && error.name === 'NotCapable') return reasonOf(error)
  return traceOf(error)
}
