import { env } from 'node:process'
import { fileURLToPath } from 'node:url'

/** What starts `heliostat`: the sources, or what scripts/test.ts has made of them. */
export const LAUNCHER =
  env['TEST_LAUNCHER'] ?? fileURLToPath(new URL('../../src/cli/heliostat.js', import.meta.url))

/** Serves what is in a folder, on any port that is free unless one is named. */
export const serveArguments = (dataDir: string, port = 0) => [
  'serve',
  '--data-dir',
  dataDir,
  '--port',
  `${port}`,
]
