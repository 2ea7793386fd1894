import { fileURLToPath } from 'node:url'

/** What starts `heliostat`. */
export const LAUNCHER = fileURLToPath(new URL('../../src/cli/heliostat.js', import.meta.url))

/** Serves what is in a folder, on any port that is free unless one is named. */
export const serveArguments = (dataDir: string, port = 0) => [
  'serve',
  '--data-dir',
  dataDir,
  '--port',
  `${port}`,
]
