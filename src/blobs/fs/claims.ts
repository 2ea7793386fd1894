import { open, readFile, stat, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import process from 'node:process'
import { codeOf } from '../../error-code.ts'
import type { Release } from '../local/store.ts'
import { FILE_MODE, withFolder } from './durable.ts'

/** Longer than any fetch of a chunk may take. */
const STALE_MS = 150_000
/** Longer than a process takes to write its name into a claim that it has made. */
const UNNAMED_MS = 1_000

const OWNER = `${hostname()} ${process.pid}`

/**
 * Claims a file for this process among those that share its folder; null while another one has it. What a dead
 * process has left is taken over: on this machine at once, from another one after a while. On a full or read-only
 * disk every claim is granted, since nothing can be shared there anyway.
 */
export async function claimFile(path: string): Promise<Release | null> {
  const claimed = await create(path)
  if (claimed !== 'taken') return claimed
  if (!(await isAbandoned(path))) return null
  await unlink(path).catch(() => undefined)
  const retried = await create(path)
  return retried === 'taken' ? null : retried
}

async function create(path: string): Promise<Release | 'taken'> {
  try {
    const file = await withFolder(dirname(path), () => open(path, 'wx', FILE_MODE))
    await file.writeFile(OWNER)
    await file.close()
    return () => unlink(path).catch(() => undefined)
  } catch (error) {
    return codeOf(error) === 'EEXIST' ? 'taken' : async () => undefined
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  try {
    // A clock that was set back makes a claim seem to be of the future.
    const age = Math.abs(Date.now() - (await stat(path)).mtimeMs)
    const owner = await readFile(path, 'utf8')
    // Without a name it was killed in that very moment.
    if (age > (owner === '' ? UNNAMED_MS : STALE_MS)) return true
    const [host, pid] = owner.split(' ')
    // This process does not ask for what it holds. So a claim with its own process id is left from an earlier process
    // that had the same id, as in a container, where the service has the same one after each start.
    return host === hostname() && (Number(pid) === process.pid || !isAlive(Number(pid)))
  } catch {
    // Released meanwhile.
    return true
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}
