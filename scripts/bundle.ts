import { readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import manifest from '../package.json' with { type: 'json' }

const ROOT = resolve(import.meta.dirname, '..')

/** What cannot be part of a bundle: addons, and tools that look for files beside their own. */
const EXTERNAL = ['libsql', 'tsx', ...Object.keys(manifest.devDependencies)]

/** Tests and scripts find the files beside them by `import.meta.url`, which would be the bundle's. */
const keepPlaces: Plugin = {
  name: 'keep-places',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (!/^(test|scripts)\b/.test(relative(ROOT, path))) return undefined
      const contents = await readFile(path, 'utf8')
      const place = JSON.stringify(pathToFileURL(path).href)
      return { contents: contents.replaceAll('import.meta.url', place), loader: 'ts' }
    })
  },
}

/** The threads are looked for beside the file that starts them. */
const THREADS = {
  'database-check-thread': 'src/runtime/database-check-thread.js',
  'digest-thread': 'src/runtime/digest-thread.js',
}

async function bundle(name: string, entryPoints: Record<string, string>): Promise<string> {
  const outdir = join(ROOT, 'node_modules/.cache', name)
  await rm(outdir, { recursive: true, force: true })
  await build({
    absWorkingDir: ROOT,
    entryPoints: { ...THREADS, ...entryPoints },
    outdir,
    bundle: true,
    splitting: true,
    external: EXTERNAL,
    platform: 'node',
    format: 'esm',
    sourcemap: 'linked',
    plugins: [keepPlaces],
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
  })
  await writeFile(join(outdir, 'package.json'), '{"type": "module"}')
  return outdir
}

/**
 * Bundles the commands for scripts that start many, since each takes a quarter of the time then, and returns the path
 * of the launcher. The name keeps what several scripts make apart.
 */
export async function bundleLauncher(name: string): Promise<string> {
  return join(await bundle(name, { heliostat: 'src/cli/main.ts' }), 'heliostat.js')
}

/** Bundles files of tests; where each is then, by its path. */
export async function bundleTests(files: string[]): Promise<Map<string, string>> {
  const names = new Map(
    files.map((file) => [file, file.replaceAll(/[/\\]/g, '-').replace(/\.ts$/, '')]),
  )
  const entryPoints = Object.fromEntries([...names].map(([file, name]) => [name, file]))
  const outdir = await bundle('heliostat-tests', entryPoints)
  return new Map([...names].map(([file, name]) => [file, join(outdir, `${name}.js`)]))
}
