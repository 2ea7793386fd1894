import type { Command } from 'commander'
import { describeConfig } from '../config.ts'
import { type ConfigOptions, readConfig, withConfigOptions } from './options.ts'

/** `heliostat config`. */
export function addConfigCommand(program: Command): void {
  withConfigOptions(program.command('config'))
    .description('Print the configuration that is in force, secrets masked')
    .action(async (options: ConfigOptions) => {
      const { config, warnings } = await readConfig(options)
      for (const warning of warnings) process.stderr.write(`heliostat: ${warning}\n`)
      process.stdout.write(describeConfig(config))
    })
}
