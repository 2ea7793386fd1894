// @ts-check
// Runs test files in this one process, each as a suite of its own so that its hooks are its own: for scripts/test.ts.
import { basename, resolve } from 'node:path'
import { describe } from 'node:test'
import { pathToFileURL } from 'node:url'

for (const file of process.argv.slice(2)) {
  describe(basename(file, '.js'), async () => {
    await import(pathToFileURL(resolve(file)).href)
  })
}
