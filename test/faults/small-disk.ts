/** A disk of 24 MiB, in memory, which only root can mount. */
import { spawnSync } from 'node:child_process'
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
