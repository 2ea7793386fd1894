import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { makeFolders } from '../blobs/fs/durable.ts'
import { ConfigError, HeliostatError } from '../errors.ts'
import { type LoadMode, loadNamespace, unloadAll } from '../metadefs/catalog.ts'
import { fileNameOf, parseDefinitionFile, toDefinitionFile } from '../metadefs/definition-file.ts'
import { createMetadefRepo } from '../metadefs/repo.ts'
import { reasonOf } from '../reason.ts'
import type { Registry } from '../registry/database.ts'
import { refuseAtEdge } from './db-pending.ts'
import { type ConfigOptions, withConfigOptions } from './options.ts'
import { print } from './print.ts'
import { createProgress } from './progress.ts'
import { withRegistry } from './with-registry.ts'

/** Where Glance has its definition files. */
const DEFAULT_FOLDER = '/etc/glance/metadefs'

/** Options in our spelling and in the one of glance-manage. */
interface LoadOptions extends ConfigOptions {
  merge?: boolean
  preferNew?: boolean
  prefer_new?: boolean
  overwrite?: boolean
  path?: string
}

/** `heliostat db load-metadefs`, `unload-metadefs` and `export-metadefs`. */
export function addMetadefCommands(db: Command): void {
  withConfigOptions(db.command('load-metadefs').alias('load_metadefs'))
    .description('Load metadata definitions; a namespace that is there already stays as it is')
    .argument('[path]', `a file, or a folder of *.json (default: ${DEFAULT_FOLDER})`)
    .option('--merge', 'add what a namespace lacks')
    .option('--prefer-new', 'add what it lacks and take the new version of what it has')
    .option('--overwrite', 'replace all that it has')
    .addOption(new Option('--prefer_new').hideHelp())
    .addOption(new Option('--path <path>').hideHelp())
    .action((path: string | undefined, options: LoadOptions) =>
      withDefinitions(options, (registry) => load(registry, path ?? options.path, options)),
    )

  withConfigOptions(db.command('unload-metadefs').alias('unload_metadefs'))
    .description('Remove all metadata definitions, protected ones too')
    .action((options: ConfigOptions) => withDefinitions(options, unload))

  withConfigOptions(db.command('export-metadefs').alias('export_metadefs'))
    .description('Write each namespace to a file that load-metadefs reads')
    .argument('<path>', 'the folder to write to')
    .action((path: string, options: ConfigOptions) =>
      withRegistry(options, (registry) => exportAll(registry, path)),
    )
}

function withDefinitions(
  options: ConfigOptions,
  action: (registry: Registry) => Promise<void>,
): Promise<void> {
  return withRegistry(options, async (registry, config) => {
    await refuseAtEdge(registry, config)
    await action(registry)
  })
}

/** Every file is taken over whole or not at all; one that is not makes the exit code 1. */
async function load(
  registry: Registry,
  path: string | undefined,
  options: LoadOptions,
): Promise<void> {
  const mode = modeOf(options)
  const files = await listFiles(path)
  const progress = createProgress()
  const mistakes: string[] = []
  let loaded = 0
  for (const [index, file] of files.entries()) {
    progress.show(index, files.length, file)
    try {
      const given = parseDefinitionFile(await readFile(file, 'utf8'))
      if (await loadNamespace(registry, given, mode)) loaded += 1
    } catch (error) {
      mistakes.push(`${file}: ${reasonOf(error)}`)
    }
  }
  progress.end()
  const skipped = files.length - loaded - mistakes.length
  const left = skipped > 0 ? `, left ${skipped} as they are` : ''
  print(`Loaded ${count(loaded, 'namespace')} from ${count(files.length, 'file')}${left}`)
  for (const mistake of mistakes) process.stderr.write(`heliostat: not loaded: ${mistake}\n`)
  if (mistakes.length > 0) process.exitCode = 1
}

function modeOf({ merge, preferNew, prefer_new, overwrite }: LoadOptions): LoadMode {
  const prefersNew = preferNew || prefer_new
  if (prefersNew && overwrite) {
    throw new ConfigError('Give one of --prefer-new and --overwrite, not both')
  }
  if (overwrite) return 'overwrite'
  if (prefersNew) return 'prefer-new'
  return merge ? 'merge' : 'skip'
}

async function listFiles(given: string | undefined): Promise<string[]> {
  const path = given ?? DEFAULT_FOLDER
  const found = await stat(path).catch(() => null)
  if (!found) {
    const wanted = given === undefined ? ': give the path of a file or folder' : ''
    throw new HeliostatError('not-found', `There is no file or folder "${path}"${wanted}`)
  }
  if (!found.isDirectory()) return [path]
  const names = (await readdir(path)).filter((name) => name.endsWith('.json')).toSorted()
  if (names.length > 0) return names.map((name) => join(path, name))
  throw new HeliostatError('not-found', `The folder "${path}" has no definition files (*.json)`)
}

async function unload(registry: Registry): Promise<void> {
  print(`Removed ${count(await unloadAll(registry), 'namespace')} and all resource types`)
}

async function exportAll(registry: Registry, path: string): Promise<void> {
  const namespaces = await createMetadefRepo(registry).all()
  await makeFolders(path)
  const progress = createProgress()
  const used = new Set<string>()
  for (const [index, namespace] of namespaces.entries()) {
    progress.show(index, namespaces.length, namespace.namespace)
    const name = unusedName(fileNameOf(namespace), used)
    await writeFile(join(path, `${name}.json`), toDefinitionFile(namespace))
  }
  progress.end()
  print(`Wrote ${count(namespaces.length, 'namespace')} to ${path}`)
}

/** Two namespaces may be shown under the same name, and file systems may not tell cases apart. */
function unusedName(wanted: string, used: Set<string>): string {
  let name = wanted
  for (let next = 2; used.has(name.toLowerCase()); next += 1) name = `${wanted}-${next}`
  used.add(name.toLowerCase())
  return name
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
