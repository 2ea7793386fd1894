// @ts-check
/**
 * Makes one bundle of the commands, `dist/`: by `npm ci`, by `npm pack`, and by the launcher where the sources have
 * changed since. JavaScript, since it has to run before anything can read TypeScript.
 */
import { readFileSync, statSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = resolve(import.meta.dirname, '..')
const DIST = join(ROOT, 'dist')
/** What the bundle was made of and consists of. Written last. */
const STAMP = join(DIST, 'stamp.json')

/** The threads are looked for beside the file that starts them. */
export const THREADS = {
  'database-check-thread': 'src/runtime/database-check-thread.js',
  'digest-thread': 'src/runtime/digest-thread.js',
}

/** Addons. */
export const EXTERNAL = ['libsql', 'koffi']

/** How esbuild bundles what runs on Node, commands and tests alike. */
export const SETTINGS = /** @type {const} @satisfies {import('esbuild').BuildOptions} */ ({
  absWorkingDir: ROOT,
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node20.11',
  format: 'esm',
  sourcemap: 'linked',
  sourcesContent: false,
  banner: {
    js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
  },
})

/**
 * Has the bundle be that of the sources as they are. Null when it is; otherwise why there is none, as a sentence.
 * @returns {Promise<string | null>}
 */
export async function ensureBundle() {
  if (isFresh()) return null
  try {
    const begun = performance.now()
    await build()
    const seconds = ((performance.now() - begun) / 1000).toFixed(1)
    process.stderr.write(`heliostat: bundled the sources, which had changed, in ${seconds} s\n`)
    return null
  } catch (error) {
    return `the sources cannot be bundled: ${error instanceof Error ? error.message : error}`
  }
}

/** @typedef {{ inputs: Record<string, string>, outputs: string[] }} Stamp */

/** Whether nothing that the bundle was made of has changed. */
function isFresh() {
  try {
    const inputs = Object.entries(readStamp()?.inputs ?? {})
    return inputs.length > 0 && inputs.every(([path, state]) => stateOf(path) === state)
  } catch {
    // A source is gone.
    return false
  }
}

/** @returns {Stamp | null} */
function readStamp() {
  try {
    return JSON.parse(readFileSync(STAMP, 'utf8'))
  } catch {
    return null
  }
}

/** @param {string} path */
function stateOf(path) {
  const { mtimeMs, size } = statSync(join(ROOT, path))
  return `${mtimeMs} ${size}`
}

/** Makes the bundle. */
export async function build() {
  const esbuild = await import('esbuild')
  const { metafile, outputFiles } = await esbuild.build({
    ...SETTINGS,
    entryPoints: { heliostat: 'src/cli/main.ts', ...THREADS },
    outdir: DIST,
    external: EXTERNAL,
    metafile: true,
    write: false,
  })
  // Packages change by an install, which ends with this.
  const own = Object.keys(metafile.inputs).filter((path) => !path.includes('node_modules/'))
  /** @type {Stamp} */
  const stamp = {
    inputs: Object.fromEntries(own.map((path) => [path, stateOf(path)])),
    outputs: outputFiles.map(({ path }) => basename(path)),
  }
  // A service that runs the bundle before may still load what it has not loaded yet.
  const former = readStamp()?.outputs ?? []
  await mkdir(DIST, { recursive: true })
  for (const { path, contents } of outputFiles) await replace(path, contents)
  await replace(STAMP, JSON.stringify(stamp))
  const kept = new Set([...stamp.outputs, ...former, basename(STAMP)])
  for (const name of await readdir(DIST)) {
    if (!kept.has(name)) await rm(join(DIST, name), { recursive: true, force: true })
  }
}

/**
 * Whole or not at all, since others may bundle and read at the same time.
 * @param {string} path
 * @param {string | Uint8Array} contents
 */
async function replace(path, contents) {
  const written = `${path}.${process.pid}`
  await writeFile(written, contents)
  await rename(written, path)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await build().catch((/** @type {NodeJS.ErrnoException} */ error) => {
    // `npm ci --omit=dev`: the launcher says what is missing where it is.
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    console.warn('heliostat: no esbuild, so the commands are not bundled')
  })
}
