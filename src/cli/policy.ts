import type { Command } from 'commander'
import { DEFAULT_RULES } from '../identity/default-rules.ts'
import { readPolicyFile } from '../runtime/policy-file.ts'
import { askedPolicies, readProtection } from '../runtime/rule-files.ts'
import { type ConfigOptions, readConfig, withConfigOptions } from './options.ts'

/** `heliostat policy list|check`. */
export function addPolicyCommands(program: Command): void {
  const policy = program.command('policy').description('Look at the rules of who may do what')
  withConfigOptions(policy.command('list'))
    .description(
      'Print every rule in force as a policy file, and what overridden ones are by default',
    )
    .action(list)
  policy
    .command('check <file>')
    .description('Tell all mistakes in a policy file; exit code 1 when there are any')
    .action(check)
}

async function list(options: ConfigOptions): Promise<void> {
  const { config } = await readConfig(options)
  const { policy_file } = config.oslo_policy
  const defaults = new Map<string, string>(Object.entries(DEFAULT_RULES))
  const loaded = policy_file && readPolicyFile(policy_file, askedPolicies(readProtection(config)))
  if (loaded) warn(loaded.warnings)
  for (const [name, rule] of loaded ? loaded.rules : defaults) {
    const given = defaults.get(name)
    if (given === undefined) process.stdout.write('# Without a default\n')
    else if (given !== rule) process.stdout.write(`# Default: ${JSON.stringify(given)}\n`)
    process.stdout.write(`${JSON.stringify(name)}: ${JSON.stringify(rule)}\n`)
  }
}

function check(file: string): void {
  const { rules, warnings } = readPolicyFile(file, [])
  warn(warnings)
  process.stdout.write(`${file}: no mistakes, ${rules.size} rules with the defaults\n`)
}

function warn(warnings: string[]): void {
  for (const warning of warnings) process.stderr.write(`heliostat: ${warning}\n`)
}
