/** A disk of 24 MiB, in memory, which only root can mount. */
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../support/site.ts'

/** Why there can be none here, or null. */
export async function whyNoSmallDisk(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'mounting a small disk needs root'
  const folder = await temporaryFolder()
  const mounted = mountSmallDisk(folder.path)
  if (mounted) unmount(folder.path)
  await folder.remove()
  return mounted ? null : 'a tmpfs cannot be mounted here'
}

/** Whether it could be mounted. */
export function mountSmallDisk(path: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'heliostat', path]).status === 0
}

export function unmount(path: string): void {
  spawnSync('umount', [path])
}

const FILLER = 'filler'

/** Takes every byte that is left. */
export function fill(path: string): void {
  const file = openSync(join(path, FILLER), 'a')
  for (const size of [1 << 20, 4096]) {
    try {
      while (writeSync(file, Buffer.alloc(size, 1)) > 0);
    } catch {
      // No space is left for a piece of this size.
    }
  }
  closeSync(file)
}

/** Gives back what `fill` has taken. */
export function empty(path: string): void {
  rmSync(join(path, FILLER), { force: true })
}
