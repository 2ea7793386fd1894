import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LAUNCHER } from '../support/launcher.ts'
import { temporaryFolder } from '../support/site.ts'

/** What a command that does not end by itself is given. */
const LIMIT_MS = 20_000

/** Runs `heliostat` as an operator would, to its end. */
export async function heliostat(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  await once(child, 'close')
  return { code: child.exitCode, stdout, stderr }
}

/** A folder for the files that commands are given. */
export async function folderOfFiles() {
  const folder = await temporaryFolder()
  return {
    ...folder,
    /** Writes a file and returns its path. */
    async write(name: string, ...lines: string[]): Promise<string> {
      const path = join(folder.path, name)
      await writeFile(path, lines.join('\n'))
      return path
    },
  }
}
