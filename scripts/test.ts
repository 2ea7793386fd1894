/** Runs every test that needs no root and no Debian package: `npm test [-- part-of-a-path…]`. */
import { spawnSync } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

const OUTSIDE = [join('test', 'conformance')]

const entries = await readdir('test', { recursive: true, withFileTypes: true })
const wanted = process.argv.slice(2)
const files = entries
  .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((file) => !OUTSIDE.some((folder) => file.startsWith(folder)))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .toSorted()

if (files.length === 0) {
  console.error(`No test file matches ${wanted.join(', ')}`)
  process.exit(1)
}

const concurrency = `--test-concurrency=${availableParallelism()}`
const { status } = spawnSync(
  process.execPath,
  ['--import', 'tsx', '--test', '--test-timeout=120000', concurrency, ...files],
  { stdio: 'inherit', env: { ...process.env, NODE_NO_WARNINGS: '1' } },
)
process.exit(status ?? 1)
