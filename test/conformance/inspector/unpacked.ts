import { execFile } from 'node:child_process'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

const TIMEOUT_MS = 30_000

export interface Unpacked {
  files: string[]
  /** What nobody may find in an archive that was taken. */
  offences: string[]
}

/** As the most lenient reader takes a tar apart: GNU's, which goes past zeros and broken headers. */
export async function unpack(path: string, folder: string): Promise<Unpacked> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  const args = ['--extract', '--ignore-zeros', '--no-same-owner', '--file', path]
  const said = await run('tar', [...args, '--directory', folder])
  await run('chmod', ['-R', 'u+rwX', folder])
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const others = entries.filter((entry) => !entry.isFile() && !entry.isDirectory())
  const led = said.split('\n').filter((line) => /Removing leading|contains '\.\.'|link/.test(line))
  return {
    files: entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
    offences: [...others.map((entry) => `${entry.name} is no file`), ...led],
  }
}

function run(program: string, args: string[]): Promise<string> {
  const options = { timeout: TIMEOUT_MS, env: { ...process.env, LC_ALL: 'C' } }
  return new Promise((resolve) => {
    execFile(program, args, options, (_error, _stdout, stderr) => resolve(stderr))
  })
}
