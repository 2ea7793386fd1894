/** What the service asks the system for, beside files, network and environment. */
const SYS = ['hostname', 'cpus', 'networkInterfaces', 'statfs', 'uid', 'gid']

interface Permissions {
  querySync(permission: { name: 'sys'; kind: string }): { state: string }
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
