/** Who makes a request, as far as rules need to know. */
export interface Caller {
  userId: string | null
  projectId: string | null
  userDomainId: string | null
  projectDomainId: string | null
  /** Set for a token of a whole domain, which images know nothing of. */
  domainId: string | null
  /** `all` for a token of the whole deployment. */
  systemScope: string | null
  /** Lower case. */
  roles: readonly string[]
  /** Roles of the service that passes the request on, lower case. They add nothing to the caller's own. */
  serviceRoles: readonly string[]
  /** Whether the rule `context_is_admin` holds: he sees every image and may give one to another project. */
  isAdmin: boolean
  /** Nobody has proved to be anybody: he may only read. */
  isAnonymous: boolean
}

/** What a flavor finds out about a caller. Whether that makes an administrator is a rule of the policy. */
export type Identity = Omit<Caller, 'isAdmin' | 'isAnonymous'>

/** What identities are told from. */
export interface Credentials {
  headers: Headers
  /** Whether a header came more than once, which `headers` joins; absent where the runtime has no such headers. */
  isRepeated?: ((header: string) => boolean) | undefined
  method: string
  /** As it is routed, without the query. */
  path: string
  /** The address of the connection's other end; null where the runtime does not tell. */
  peerAddress: string | null
}

/** The token that a request comes with; null where there is none. */
export function tokenOf(headers: Headers): string | null {
  return headers.get('X-Auth-Token') ?? headers.get('X-Storage-Token')
}

/** The caller with an identity. Field by field, since each request has one made. */
export function createCaller(identity: Identity, isAdmin: boolean): Caller {
  return {
    userId: identity.userId,
    projectId: identity.projectId,
    userDomainId: identity.userDomainId,
    projectDomainId: identity.projectDomainId,
    domainId: identity.domainId,
    systemScope: identity.systemScope,
    roles: identity.roles,
    serviceRoles: identity.serviceRoles,
    isAdmin,
    isAnonymous: false,
  }
}

/** Finds out who makes a request; null when it does not say, or says so without proof. */
export type Identify = (credentials: Credentials) => Promise<Identity | null>

const NOBODY: Identity = {
  userId: null,
  projectId: null,
  userDomainId: null,
  projectDomainId: null,
  domainId: null,
  systemScope: null,
  roles: [],
  serviceRoles: [],
}

/** An identity with these facts, and nothing else known. */
export function createIdentity(facts: Partial<Identity>): Identity {
  return { ...NOBODY, ...facts }
}

/** Role names, comma separated, as rules compare them: in lower case. Of blanks only those of HTTP are none of a name. */
export function parseRoles(roles: string): string[] {
  return roles
    .split(',')
    .map((role) => role.replace(/^[ \t]+|[ \t]+$/g, '').toLowerCase())
    .filter((role) => role !== '')
}

/** Without an identity flavor every caller is an administrator without a project. */
export const identifyEveryone: Identify = async () => EVERYONE

const EVERYONE = createIdentity({ roles: ['admin'] })

/** Who has not said who he is, where anybody may read: as a reader who belongs to no project. */
export const ANONYMOUS: Caller = {
  ...createIdentity({ roles: ['reader', 'member'] }),
  isAdmin: false,
  isAnonymous: true,
}
