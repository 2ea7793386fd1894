import { Command } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { addExamples } from './examples.ts'

/** Each command by its name, loaded when it is wanted: all of them would take a service longer to start. */
const COMMANDS: ReadonlyMap<string, () => Promise<(program: Command) => void>> = new Map([
  ['serve', async () => (await import('./serve.ts')).addServeCommand],
  ['db', async () => (await import('./db.ts')).addDbCommands],
  ['mirror', async () => (await import('./mirror.ts')).addMirrorCommands],
  ['store', async () => (await import('./store.ts')).addStoreCommands],
  ['task', async () => (await import('./task.ts')).addTaskCommands],
  ['import-glance', async () => (await import('./import-glance.ts')).addImportGlanceCommand],
  ['export', async () => (await import('./export.ts')).addExportCommand],
  ['load', async () => (await import('./load.ts')).addLoadCommand],
  ['config', async () => (await import('./config.ts')).addConfigCommand],
  ['policy', async () => (await import('./policy.ts')).addPolicyCommands],
  ['token', async () => (await import('./token.ts')).addTokenCommand],
])

/** The command line with the one command that is wanted; with every one where there is none of that name. */
export async function createProgram(wanted = ''): Promise<Command> {
  const program = new Command('heliostat')
    .description('OpenStack Image service (the Glance API) with read-only mirrors at the edge')
    .version(packageJson.version)
    // A mistyped option is quoted with its value.
    .configureOutput({
      outputError: (text, write) => write(text.replace(/(--[\w-]+=).*(?=')/g, '$1***')),
    })
  const chosen = COMMANDS.get(wanted)
  for (const load of chosen ? [chosen] : COMMANDS.values()) (await load())(program)
  addExamples(program)
  leadToOwnHelp(program, program.name())
  return program
}

/** An error of a command leads to the help of that very command. */
function leadToOwnHelp(command: Command, path: string): void {
  command.showHelpAfterError(`(see ${path} --help)`)
  for (const below of command.commands) leadToOwnHelp(below, `${path} ${below.name()}`)
}
