/** Peers come from Debian's packages. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { reasonOf } from '../../src/reason.ts'
import type { Lab } from '../lab.ts'

const SCRIPT = join(import.meta.dirname, '../../scripts/debian-packages.sh')
const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** What a peer needs of Debian. */
export interface Needs {
  /** Programs that are there once the packages are. */
  commands: string[]
  packages: string[]
}

const isThere = (command: string) => FOLDERS.some((folder) => existsSync(join(folder, command)))

/** Installs what is missing; throws a sentence that says why that cannot be. */
export async function install({ commands, packages }: Needs, lab: Lab): Promise<void> {
  if (commands.every(isThere)) return
  lab.tell(`Installing ${packages.join(', ')}`)
  await lab.command('bash', [SCRIPT, ...packages])
}

/** The result of `start`, or null with a word on stderr where the peer cannot be had on this machine. */
export async function ifThere<T>(
  lab: Lab,
  name: string,
  start: () => Promise<T>,
): Promise<T | null> {
  try {
    return await start()
  } catch (error) {
    lab.tell(`Skipping ${name}: ${reasonOf(error)}`)
    return null
  }
}
