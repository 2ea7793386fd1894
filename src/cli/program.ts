import { Command } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { addConfigCommand } from './config.ts'
import { addDbCommands } from './db.ts'
import { addExamples } from './examples.ts'
import { addExportCommand } from './export.ts'
import { addImportGlanceCommand } from './import-glance.ts'
import { addLoadCommand } from './load.ts'
import { addMirrorCommands } from './mirror.ts'
import { addPolicyCommands } from './policy.ts'
import { addServeCommand } from './serve.ts'
import { addStoreCommands } from './store.ts'
import { addTaskCommands } from './task.ts'
import { addTokenCommand } from './token.ts'

/** The command line: every command with its options and its help. */
export function createProgram(): Command {
  const program = new Command('heliostat')
    .description('OpenStack Image service (the Glance API) with read-only mirrors at the edge')
    .version(packageJson.version)
    // A mistyped option is quoted with its value.
    .configureOutput({
      outputError: (text, write) => write(text.replace(/(--[\w-]+=).*(?=')/g, '$1***')),
    })
  addServeCommand(program)
  addDbCommands(program)
  addMirrorCommands(program)
  addStoreCommands(program)
  addTaskCommands(program)
  addImportGlanceCommand(program)
  addExportCommand(program)
  addLoadCommand(program)
  addConfigCommand(program)
  addPolicyCommands(program)
  addTokenCommand(program)
  addExamples(program)
  leadToOwnHelp(program, program.name())
  return program
}

/** An error of a command leads to the help of that very command. */
function leadToOwnHelp(command: Command, path: string): void {
  command.showHelpAfterError(`(see ${path} --help)`)
  for (const below of command.commands) leadToOwnHelp(below, `${path} ${below.name()}`)
}
