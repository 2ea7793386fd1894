/** Runs every test that needs no root and no Debian package: `npm test [-- part-of-a-path…]`. */
import { spawnSync } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

const OUTSIDE = [join('test', 'conformance')]

/** What starts no process: one process runs it all, since loading the service takes longer than testing it. */
const TOGETHER = [
  ...['api', 'blobs', 'http', 'identity', 'images', 'mirror', 'registry'].map((folder) =>
    join('test', folder, '/'),
  ),
  join('test', 'config.test.ts'),
]
/** Those among them that do. */
const SERVERS = [
  join('test', 'api', 'cache.test.ts'),
  join('test', 'api', 'readiness.test.ts'),
  join('test', 'mirror', 'limit.test.ts'),
  join('test', 'mirror', 'prefetch.test.ts'),
  join('test', 'registry', 'embedded.test.ts'),
]

const TIMEOUT = '--test-timeout=120000'

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

const together = files.filter(
  (file) => TOGETHER.some((folder) => file.startsWith(folder)) && !SERVERS.includes(file),
)
const apart = files.filter((file) => !together.includes(file))

function node(...args: string[]): boolean {
  const env = { ...process.env, NODE_NO_WARNINGS: '1' }
  return (
    spawnSync(process.execPath, ['--import', 'tsx', ...args], { stdio: 'inherit', env }).status ===
    0
  )
}

// Processes wait for each other half of their time, hence one more than there are cores.
const concurrency = `--test-concurrency=${availableParallelism() + 1}`
const results = [
  together.length === 0 || node('scripts/test-together.ts', ...together),
  apart.length === 0 || node('--test', TIMEOUT, concurrency, ...apart),
]
process.exit(results.every(Boolean) ? 0 : 1)
