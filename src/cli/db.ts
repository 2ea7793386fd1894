import type { Command } from 'commander'
import type { Config } from '../config.ts'
import { createSweeper } from '../inventory/sweep.ts'
import { shownValue } from '../masking.ts'
import { createFeed } from '../mirror/feed/reader.ts'
import { becomeOrigin } from '../mirror/follow/role.ts'
import { countRows } from '../registry/check.ts'
import { forgetDamage, openDamage } from '../registry/damage.ts'
import type { Registry } from '../registry/database.ts'
import { CURRENT_REVISION, databaseRevision, migrate } from '../registry/migrate.ts'
import { connectionOf } from '../runtime/connection.ts'
import { openSweptStores } from '../runtime/swept-stores.ts'
import { deletePendingImages, isAtEdge, restoreImage } from './db-pending.ts'
import { addPurgeCommands } from './db-purge.ts'
import { addMetadefCommands } from './metadefs.ts'
import { type ConfigOptions, seconds, withConfigOptions } from './options.ts'
import { print } from './print.ts'
import { withDatabase, withNewDatabase, withRegistry } from './with-registry.ts'

interface SweepOptions extends ConfigOptions {
  grace?: number
  adopt?: true
}

/** `heliostat db …`. */
export function addDbCommands(program: Command): void {
  const db = program.command('db').description("Look after the registry's database")

  withConfigOptions(db.command('sync'))
    .description('Bring the schema up to date')
    .action((options: ConfigOptions) => withNewDatabase(options, sync))

  withConfigOptions(db.command('version'))
    .description("Print the schema's revision")
    .action((options: ConfigOptions) => withDatabase(options, version))

  withConfigOptions(db.command('check'))
    .description('Print address, revision and rows of each table; exit 1 when not up to date')
    .action((options: ConfigOptions) => withDatabase(options, check))

  withConfigOptions(db.command('new-epoch'))
    .description(
      'After a restore from a backup, or damage: tell mirrors that history was rewritten',
    )
    .action((options: ConfigOptions) => withRegistry(options, newEpoch))

  withConfigOptions(db.command('become-origin'))
    .description('Go on as an origin with the images of a mirror, which has to be stopped')
    .action((options: ConfigOptions) => withRegistry(options, promote, { alone: true }))

  withConfigOptions(db.command('sweep'))
    .description('Remove the chunks that no image needs')
    .option('--grace <seconds>', 'keep what has been unneeded for less than this', seconds)
    .option('--adopt', 'take over chunks that belong to another registry')
    .action((options: SweepOptions) =>
      withRegistry(options, (registry, config) => sweep(registry, config, options)),
    )

  withConfigOptions(db.command('scrub'))
    .description('Delete for good the images that have waited for scrub_time since their deletion')
    .action((options: ConfigOptions) => withRegistry(options, deletePendingImages))

  withConfigOptions(db.command('restore'))
    .description('Bring back a deleted image that still waits for its deletion for good')
    .argument('<image>', 'its id')
    .action((id: string, options: ConfigOptions) =>
      withRegistry(options, (registry, config) => restoreImage(registry, config, id)),
    )

  addPurgeCommands(db)
  addMetadefCommands(db)
}

async function sync(registry: Registry): Promise<void> {
  const applied = await migrate(registry)
  const done = applied.length === 0 ? 'Nothing to do' : `Applied ${applied.join(', ')}`
  print(`${done}; the schema is at revision ${CURRENT_REVISION}`)
}

async function version(registry: Registry): Promise<void> {
  print((await databaseRevision(registry)) ?? 'none')
}

async function check(registry: Registry, config: Config): Promise<void> {
  const connection = connectionOf(config)
  const revision = await databaseRevision(registry)
  print(`database  ${connection.kind === 'file' ? connection.path : shownValue(connection.url)}`)
  print(`revision  ${revision ?? 'none'}`)
  if (revision !== CURRENT_REVISION) {
    print(`Not up to date, wanted ${CURRENT_REVISION}: run heliostat db sync`)
    process.exitCode = 1
    return
  }
  for (const { table, rows } of await countRows(registry)) {
    print(`${String(rows).padStart(10)}  ${table}`)
  }
}

async function newEpoch(registry: Registry): Promise<void> {
  await forgetDamage(registry)
  print(
    `The epoch is now ${await createFeed(registry).renewEpoch()}: every mirror takes a snapshot`,
  )
}

async function promote(registry: Registry): Promise<void> {
  const epoch = await becomeOrigin(registry)
  print(`Follows no other site any more; the epoch is now ${epoch}`)
  print(
    'Chunks that are not here are lost: heliostat mirror verify names the images that need them',
  )
}

async function sweep(
  registry: Registry,
  config: Config,
  { grace = config.heliostat.sweep_grace, adopt }: SweepOptions,
): Promise<void> {
  const isEdge = await isAtEdge(registry, config)
  const { stores, close } = await openSweptStores(registry, { config, isEdge })
  try {
    for (const { owner } of adopt ? stores : []) {
      print(`The chunks now belong to the registry "${await owner.adopt()}"`)
    }
    const damage = (await openDamage(registry)).found
    const sweeper = createSweeper({ registry, stores, damage })
    const { blobs, chunks } = await sweeper.sweep(grace * 1000)
    print(`Removed ${blobs} blobs and ${chunks} chunks`)
  } finally {
    await close()
  }
}
