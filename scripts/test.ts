/** Runs every test that needs no root and no Debian package: `npm test [-- part-of-a-path…]`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { ensureBundle } from './build.js'
import { bundleTests } from './bundle.ts'

const OUTSIDE = [join('test', 'conformance')]

/** What starts no process: one process runs it all, since loading the service takes longer than testing it. */
const TOGETHER = [
  ...[
    'api',
    'bench',
    'blobs',
    'http',
    'identity',
    'images',
    'inventory',
    'metadefs',
    'mirror',
    'registry',
  ].map((folder) => join('test', folder, '/')),
  join('test', 'config.test.ts'),
  join('test', 'lru.test.ts'),
]
/** Those among them that do. */
const SERVERS = [
  join('test', 'api', 'cache.test.ts'),
  join('test', 'api', 'readiness.test.ts'),
  join('test', 'bench', 'command.test.ts'),
  join('test', 'bench', 'processes.test.ts'),
  join('test', 'mirror', 'chunks', 'limit.test.ts'),
  join('test', 'mirror', 'pinning', 'prefetch.test.ts'),
  join('test', 'registry', 'embedded.test.ts'),
]

/** What holds a server to limits of time runs after the others, without any other beside it. */
const ALONE = join('test', 'faults', 'hostile-clients')

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
const alone = files.filter((file) => file.startsWith(ALONE))
const apart = files.filter((file) => !together.includes(file) && !alone.includes(file))

// Otherwise each server that a test starts would see to it.
await ensureBundle()
const bundled = await bundleTests(files)
const env = { ...process.env, NODE_NO_WARNINGS: '1' }

/** Runs files of tests; `output` is what it prints while that is held back. */
async function run(stdout: 'inherit' | 'pipe', paths: string[], ...options: string[]) {
  const args = [
    '--enable-source-maps',
    '--test-reporter=spec',
    ...options,
    ...paths.map((path) => bundled.get(path) ?? path),
  ]
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', stdout, 'inherit'] })
  const [output, [code]] = await Promise.all([
    child.stdout ? text(child.stdout) : '',
    once(child, 'exit'),
  ])
  return { passed: code === 0, output }
}

// Servers wait for each other half of their time. The one process beside them is what keeps a core busy.
const concurrency = `--test-concurrency=${availableParallelism() + 1}`
const runs = []
if (apart.length > 0) runs.push(run('inherit', apart, '--test', TIMEOUT, concurrency))
if (together.length > 0) runs.push(run('pipe', together, 'scripts/test-together.js'))
const results = await Promise.all(runs)
if (alone.length > 0) {
  results.push(await run('inherit', alone, '--test', TIMEOUT, '--test-concurrency=1'))
}
for (const { passed, output } of results) {
  // Of what passed the counts, so that what failed is the end of what is read.
  const lines = passed ? output.split('\n').filter((line) => line.startsWith('ℹ')) : [output]
  if (output !== '') console.log(lines.join('\n'))
}
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1
