import { type Command, InvalidArgumentError } from 'commander'
import { type ConfigOptions, withConfigOptions } from './options.ts'
import { copy, type CopyCommand } from './store-copy.ts'
import { drain } from './store-drain.ts'
import { check, list } from './store-list.ts'
import { withStores } from './store-site.ts'
import { verify } from './store-verify.ts'

/** `heliostat store …`. */
export function addStoreCommands(program: Command): void {
  const store = program
    .command('store')
    .description("Look after the stores that the images' bytes lie in")

  withConfigOptions(store.command('list'))
    .description('Print the stores, and how much lies in each')
    .option('--json', 'print JSON')
    .action((options: ConfigOptions & { json?: true }) =>
      withStores(options, (site) => list(site, options)),
    )

  withConfigOptions(store.command('check'))
    .description("Ask each store whether it answers, and whose it is; exit 1 when one isn't well")
    .argument('[store...]', 'their ids (default: all of them)')
    .action((ids: string[], options: ConfigOptions) =>
      withStores(options, (site) => check(site, ids)),
    )

  withConfigOptions(store.command('copy'))
    .description('Copy images into a store; exit 1 when one could not be copied')
    .argument('[image...]', 'their ids')
    .requiredOption('--to <store>', 'where the copies go')
    .option('--from <store>', 'read this one first, and copy only what lies there')
    .option('--all', 'every image')
    .option('--rate <mbits>', 'Mbit/s at most', mbits)
    .option('--dry-run', 'only tell what would be copied')
    .action((ids: string[], options: ConfigOptions & CopyCommand) =>
      withStores(options, (site) => copy(site, ids, options)),
    )

  withConfigOptions(store.command('verify'))
    .description('Read every copy in a store; exit 1 when bytes are damaged or lost')
    .argument('<store>', 'its id')
    .option('--repair', 'put what is damaged or missing again, from another store')
    .action((id: string, options: ConfigOptions & { repair?: true }) =>
      withStores(options, (site) => verify(site, id, options)),
    )

  withConfigOptions(store.command('drain'))
    .description('Move every image out of a store; exit 1 when something is left there')
    .argument('<store>', 'its id')
    .option('--to <store>', 'where they go (default: the default store)')
    .action((id: string, options: ConfigOptions & { to?: string }) =>
      withStores(options, (site) => drain(site, id, options)),
    )
}

function mbits(text: string): number {
  const rate = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && rate > 0) return rate
  throw new InvalidArgumentError('Wanted Mbit/s, more than 0.')
}
