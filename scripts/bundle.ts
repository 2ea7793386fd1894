import { readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import manifest from '../package.json' with { type: 'json' }
import { EXTERNAL, SETTINGS, THREADS } from './build.js'

const ROOT = resolve(import.meta.dirname, '..')
const OUTDIR = join(ROOT, 'node_modules/.cache/heliostat-tests')

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

/** Bundles files of tests; where each is then, by its path. */
export async function bundleTests(files: string[]): Promise<Map<string, string>> {
  const names = new Map(
    files.map((file) => [file, file.replaceAll(/[/\\]/g, '-').replace(/\.ts$/, '')]),
  )
  await rm(OUTDIR, { recursive: true, force: true })
  await build({
    ...SETTINGS,
    entryPoints: {
      ...THREADS,
      ...Object.fromEntries([...names].map(([file, name]) => [name, file])),
    },
    outdir: OUTDIR,
    // Tools of development look for files beside their own.
    external: [...EXTERNAL, ...Object.keys(manifest.devDependencies)],
    plugins: [keepPlaces],
  })
  await writeFile(join(OUTDIR, 'package.json'), '{"type": "module"}')
  return new Map([...names].map(([file, name]) => [file, join(OUTDIR, `${name}.js`)]))
}
