import type { Command } from 'commander'
import { createFolderSource } from '../runtime/image-folder.ts'
import { createScreen } from './moving-report.ts'
import { AT_ONCE, atOnce, createSiteMoving, reporting } from './moving-site.ts'
import { type ConfigOptions, withConfigOptions } from './options.ts'
import { type StoreSite, withStores } from './store-site.ts'

interface LoadOptions extends ConfigOptions {
  store?: string
  parallel: number
  dryRun?: true
  json?: true
}

/** `heliostat load`. */
export function addLoadCommand(program: Command): void {
  withConfigOptions(program.command('load'))
    .description('Take in the images that export has written; exit 1 when one is missing')
    .argument('<folder>', 'where they are')
    .argument('[image...]', 'their ids (default: all of them)')
    .option('--store <store>', 'where the bytes go (default: the default store)')
    .option('--parallel <number>', 'images that are taken in at once', atOnce, AT_ONCE)
    .option('--dry-run', 'only tell what would be taken in')
    .option('--json', 'print the report as JSON')
    .action((folder: string, ids: string[], options: LoadOptions) =>
      withStores(options, (site) => load(site, { folder, ids, options })),
    )
}

async function load(
  site: StoreSite,
  { folder, ids, options }: { folder: string; ids: string[]; options: LoadOptions },
): Promise<void> {
  const { dryRun = false, json = false, store, parallel } = options
  const screen = createScreen({ json, dryRun })
  const source = createFolderSource(folder)
  const filter = { ids }
  const moving = createSiteMoving(site, {
    source,
    filter,
    store,
    parallel,
    screen,
    metadefs: false,
    isAll: false,
  })
  await reporting(site, { moving, screen }, dryRun ? moving.preview : moving.once)
}
