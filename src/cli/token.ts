import type { Command } from 'commander'
import { makeToken } from '../identity/static-tokens.ts'

interface TokenOptions {
  user: string
  project: string
  roles: string
}

/** `heliostat token`. */
export function addTokenCommand(program: Command): void {
  program
    .command('token')
    .description('Make a token for [paste_deploy] flavor = token, and the line for its token_file')
    .requiredOption('--user <user>', 'the id of the user')
    .option('--project <project>', 'the id of the project', '')
    .option('--roles <roles>', 'comma separated', 'reader,member')
    .action(({ user, project, roles }: TokenOptions) => {
      const { token, line } = makeToken(user, project, roles)
      process.stdout.write(`${line}\n`)
      process.stderr.write(`Add the line to the token file. The token, shown only now: ${token}\n`)
    })
}
