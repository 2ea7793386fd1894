import { HeliostatError } from '../errors.ts'
import { refuseUnless } from '../identity/authorize.ts'
import type { Caller } from '../identity/caller.ts'
import { mayList, type Policy, type PolicyAction, type Target } from '../identity/policy.ts'
import type { Namespace, NamespaceRow } from '../registry/metadef-contents.ts'
import type { MetadefRepo } from './repo.ts'
import { canSee } from './visibility.ts'

const GET = 'get_metadef_namespace'

/** Who may do what with which definitions. */
export interface MetadefAccess {
  /** A namespace that the caller can see; one that he can't does not exist for him [404]. */
  find(namespace: string, caller: Caller, absent?: Absent): Promise<Namespace>
  /** As `find`, and the caller may take the action: see `requireOn`. */
  findFor(
    action: PolicyAction,
    namespace: string,
    caller: Caller,
    absent?: Absent,
  ): Promise<Namespace>
  may(action: PolicyAction, caller: Caller, namespace: NamespaceRow): boolean
  /** Refuses an action: 403, or 404 to those who may not even get the namespace. */
  requireOn(action: PolicyAction, caller: Caller, namespace: NamespaceRow): void
  /** The same for a list. */
  requireList(action: PolicyAction, caller: Caller): void
  /** The same for an action that is about no namespace yet. */
  requireOnSite(action: PolicyAction, caller: Caller): void
}

export function createMetadefAccess(
  policy: Policy,
  metadefs: Pick<MetadefRepo, 'find'>,
): MetadefAccess {
  const access: MetadefAccess = {
    async find(namespace, caller, absent = absentNamespace) {
      const found = await metadefs.find(namespace)
      if (!found || !canSee(caller, found)) throw absent(namespace)
      return found
    },

    async findFor(action, namespace, caller, absent = absentNamespace) {
      const found = await access.find(namespace, caller, absent)
      access.requireOn(action, caller, found)
      return found
    },

    may: (action, caller, namespace) => policy.isAllowed(action, caller, targetOf(namespace)),

    requireOn(action, caller, namespace) {
      const isAllowed = (wanted: PolicyAction) => access.may(wanted, caller, namespace)
      refuseUnless(isAllowed, { action, get: GET })
    },

    requireList(action, caller) {
      refuseUnless((wanted) => mayList(policy, wanted, caller), { action, get: GET })
    },

    requireOnSite(action, caller) {
      const target = { owner: caller.projectId, visibility: 'private' }
      const isAllowed = (wanted: PolicyAction) =>
        wanted === GET ? mayList(policy, GET, caller) : policy.isAllowed(wanted, caller, target)
      refuseUnless(isAllowed, { action, get: GET })
    },
  }
  return access
}

function targetOf(namespace: NamespaceRow): Target {
  return { ...namespace, visibility: namespace.visibility ?? 'private' }
}

type Absent = (namespace: string) => HeliostatError

function absentNamespace(namespace: string): HeliostatError {
  return new HeliostatError('not-found', `Namespace ${namespace} not found`)
}

/** What those are told who only wanted to look at it [404]. */
export function nothingToShow(namespace: string): HeliostatError {
  return new HeliostatError(
    'not-found',
    `Metadata definition namespace=${namespace} was not found.`,
  )
}
