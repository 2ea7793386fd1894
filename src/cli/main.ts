import { CommanderError } from 'commander'
import { ConfigError, HeliostatError } from '../errors.ts'
import { hideCredentials } from '../masking.ts'
import { reasonOf, traceOf } from '../reason.ts'
import { endWithReader, printError } from './print.ts'
import { createProgram } from './program.ts'

endWithReader()

try {
  const program = await createProgram(process.argv[2])
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
  if (error instanceof Error && error.name === 'NotCapable') {
    return `Deno denies what the service needs: ${reasonOf(error)}`
  }
  return traceOf(error)
}
