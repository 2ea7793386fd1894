/** What the service asks the system for, beside files, network and environment. */
const SYS = ['hostname', 'cpus', 'networkInterfaces', 'statfs', 'uid', 'gid']

type Permission = { name: 'sys'; kind: string } | { name: 'run'; command: string }

interface Permissions {
  querySync(permission: Permission): { state: string }
}

/**
 * What is denied of it on Deno, as a sentence; null for nothing, and elsewhere. Some of it is asked for only after the
 * start, where a denial could be told to nobody.
 */
export function deniedByDeno(): string | null {
  const { Deno } = globalThis as { Deno?: { permissions: Permissions } }
  if (Deno === undefined) return null
  const denied = SYS.filter(
    (kind) => Deno.permissions.querySync({ name: 'sys', kind }).state !== 'granted',
  )
  if (denied.length === 0) return null
  return `Deno denies ${denied.join(', ')}: start it with --allow-sys=${SYS.join()}`
}

/** Whether a program may be started, without Deno asking for it on the terminal. */
export function mayRun(command: string): boolean {
  const { Deno } = globalThis as { Deno?: { permissions: Permissions } }
  return (Deno?.permissions.querySync({ name: 'run', command }).state ?? 'granted') === 'granted'
}
