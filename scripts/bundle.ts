import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'

/**
 * Makes one file of the commands and returns its path, for scripts that start many: each takes a third of the time
 * then. The name keeps what several scripts make apart.
 */
export async function bundle(name: string): Promise<string> {
  const outdir = resolve(import.meta.dirname, '../node_modules/.cache', name)
  await build({
    absWorkingDir: resolve(import.meta.dirname, '..'),
    entryPoints: {
      heliostat: 'src/cli/main.ts',
      'database-check-thread': 'src/runtime/database-check-thread.js',
      'digest-thread': 'src/runtime/digest-thread.js',
    },
    outdir,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  })
  await writeFile(join(outdir, 'package.json'), '{"type": "module"}')
  return join(outdir, 'heliostat.js')
}
