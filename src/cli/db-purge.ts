import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Registry } from '../registry/database.ts'
import { type PurgeOptions, type Purged, purgeDeleted, purgeImages } from '../registry/purge.ts'
import { type ConfigOptions, withConfigOptions } from './options.ts'
import { print } from './print.ts'
import { withRegistry } from './with-registry.ts'

const DAY_MS = 24 * 60 * 60_000
const MAX_INTEGER = 2 ** 31 - 1

/** Options in our spelling and in the one of glance-manage. */
interface PurgeCommandOptions extends ConfigOptions {
  ageInDays: number
  maxRows: number
  age_in_days?: number
  max_rows?: number
}

type Purge = (registry: Registry, options: PurgeOptions) => AsyncGenerator<Purged>

/** `heliostat db purge` and `heliostat db purge-images-table`. */
export function addPurgeCommands(db: Command): void {
  withPurgeOptions(db.command('purge'), 30)
    .description(
      'Remove the rows of what was deleted long ago; ids of deleted images are still not given again',
    )
    .action((options: PurgeCommandOptions) => runPurge(options, purgeDeleted))

  withPurgeOptions(db.command('purge-images-table').alias('purge_images_table'), 180)
    .description('Remove deleted images altogether, after which their ids may be used again')
    .action((options: PurgeCommandOptions) => runPurge(options, purgeImages))
}

function withPurgeOptions(command: Command, age: number): Command {
  return withConfigOptions(command)
    .option('--age-in-days <days>', 'what was deleted at least so long ago', days, age)
    .option('--max-rows <rows>', 'of each table; -1 for all', rows, 100)
    .addOption(new Option('--age_in_days <days>').argParser(days).hideHelp())
    .addOption(new Option('--max_rows <rows>').argParser(rows).hideHelp())
}

function runPurge(options: PurgeCommandOptions, purge: Purge): Promise<void> {
  const before = Date.now() - (options.age_in_days ?? options.ageInDays) * DAY_MS
  const limit = options.max_rows ?? options.maxRows
  const maxRows = limit === -1 ? Infinity : limit
  return withRegistry(options, async (registry) => {
    print(`Purging what was deleted before ${new Date(before).toISOString()}`)
    for await (const { table, rows } of purge(registry, { before, maxRows })) {
      const full = rows > 0 && rows === maxRows ? ', as many as --max-rows allows' : ''
      print(`${String(rows).padStart(10)}  ${table}${full}`)
    }
  })
}

function days(text: string): number {
  const age = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  if (age < Date.now() / DAY_MS) return age
  throw new InvalidArgumentError('Wanted a whole number of days, fewer than since 1970.')
}

function rows(text: string): number {
  const limit = /^(-1|\d{1,10})$/.test(text) ? Number(text) : NaN
  if (limit <= MAX_INTEGER) return limit
  throw new InvalidArgumentError(`Wanted a whole number of rows up to ${MAX_INTEGER}, or -1.`)
}
