import { readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LAUNCHER, serveArguments } from './launcher.ts'
import { type RunningProcess, startServer } from './process.ts'

const pathOf = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))

/** What README.md says that Deno has to allow, for the folders of a test. */
function permissions(): string[] {
  const modules = realpathSync(pathOf('node_modules/libsql'))
  const folders: Record<string, string> = {
    '--allow-read': [pathOf('.'), join(modules, '..'), tmpdir()].join(),
    '--allow-write': tmpdir(),
    '--allow-ffi': join(modules, '..'),
  }
  const [command = ''] =
    /deno run(?:\s+(?:--\S+|\\))+/.exec(readFileSync(pathOf('README.md'), 'utf8')) ?? []
  return [...command.matchAll(/(--allow-\w+)\S*/g)].map(([option, name = '']) =>
    name in folders ? `${name}=${folders[name]}` : option,
  )
}

const PLATFORMS: Record<string, string> = {
  'linux x64': 'linux-x64-glibc',
  'linux arm64': 'linux-arm64-glibc',
  'darwin x64': 'darwin-x64',
  'darwin arm64': 'darwin-arm64',
  'win32 x64': 'win32-x64',
  'win32 arm64': 'win32-arm64',
}

/** Deno itself: signals do not get past the wrapper in `node_modules/.bin`. Null where npm has none to install. */
export function findDeno(): string | null {
  const { platform, arch } = process
  const name = `@deno/${PLATFORMS[`${platform} ${arch}`]}/package.json`
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(name))
    return join(folder, platform === 'win32' ? 'deno.exe' : 'deno')
  } catch {
    return null
  }
}

/** Starts the service on Deno, on a free port. */
export function startOnDeno(deno: string, dataDir: string, env = {}): Promise<RunningProcess> {
  const args = ['run', '--no-prompt', ...permissions(), LAUNCHER, ...serveArguments(dataDir)]
  return startServer(deno, args, env)
}
