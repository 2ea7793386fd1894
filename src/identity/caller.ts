/** Who makes a request, as far as rules need to know. */
export interface Caller {
  userId: string | null
  projectId: string | null
  /** Lower case. */
  roles: readonly string[]
  isAdmin: boolean
}

/** What identities are told from. */
export interface Credentials {
  headers: Headers
  /** The address of the connection's other end; null where the runtime does not tell. */
  peerAddress: string | null
}

/** Finds out who makes a request; null when it does not say, or says so without proof. */
export type Identify = (credentials: Credentials) => Promise<Caller | null>

/** A caller with these roles; the role "admin" makes an administrator in any project, as in Glance. */
export function createCaller(
  userId: string | null,
  projectId: string | null,
  roles: string,
): Caller {
  const names = roles
    .split(',')
    .map((role) => role.trim().toLowerCase())
    .filter((role) => role !== '')
  return { userId, projectId, roles: names, isAdmin: names.includes('admin') }
}

/** Without an identity flavor every caller is an administrator without a project. */
export const identifyEveryone: Identify = async () => createCaller(null, null, 'admin')
