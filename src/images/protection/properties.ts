import { ConfigError, HeliostatError } from '../../errors.ts'
import type { Caller } from '../../identity/caller.ts'
import type { Policy } from '../../identity/policy.ts'
import type { Properties } from '../image.ts'
import type { Term } from '../list/query.ts'
import {
  type Operation,
  OWN_PREFIX,
  policiesIn,
  type ProtectionRule,
  type ProtectionRules,
} from './rules.ts'

/** Who may do what with which custom property. */
export interface PropertyProtection {
  allows(operation: Operation, name: string, caller: Caller): boolean
  /** The image as the caller may see it. */
  readable<T extends { properties: Properties }>(image: T, caller: Caller): T
  /** Refuses a new image with a property that the caller may not create [403]. */
  requireCreate(image: { properties: Properties }, caller: Caller): void
  /** Whether a list asks for a value that the caller may not read: what is found would tell him. */
  hidesTerm(terms: Term[], caller: Caller): boolean
}

/** Where the operator protects none. */
export const NO_PROTECTION: PropertyProtection = {
  allows: () => true,
  readable: (image) => image,
  requireCreate: () => undefined,
  hidesTerm: () => false,
}

/** Clients choose the names, so only so many are remembered. */
const MAX_REMEMBERED = 10_000

/** Throws a ConfigError where a rule of the policy is asked that there is none of. */
export function createPropertyProtection(
  protection: ProtectionRules,
  policy: Policy,
): PropertyProtection {
  refuseUnknownPolicies(protection, policy)
  const { rules, format } = protection
  const remembered = new Map<string, ProtectionRule | null>()

  function ruleOf(name: string): ProtectionRule | null {
    const known = remembered.get(name)
    if (known !== undefined) return known
    const rule = rules.find(({ pattern }) => pattern.test(name)) ?? null
    if (remembered.size >= MAX_REMEMBERED) remembered.clear()
    remembered.set(name, rule)
    return rule
  }

  function allows(operation: Operation, name: string, caller: Caller): boolean {
    if (name.startsWith(OWN_PREFIX)) return true
    const allowed = ruleOf(name)?.allowed[operation] ?? []
    if (allowed.includes('!')) return false
    if (allowed.includes('@')) return true
    const asked = withServiceRoles(caller)
    return format === 'roles'
      ? allowed.some((role) => asked.roles.includes(role))
      : allowed.some((rule) => policy.holds(rule, asked))
  }

  return {
    allows,

    readable(image, caller) {
      const entries = Object.entries(image.properties)
      const shown = entries.filter(([name]) => allows('read', name, caller))
      return { ...image, properties: Object.fromEntries(shown) }
    },

    requireCreate({ properties }, caller) {
      for (const name of Object.keys(properties)) {
        if (!allows('create', name, caller)) throw protectedProperty(name)
      }
    },

    hidesTerm(terms, caller) {
      return terms.some((term) => term.kind === 'property' && !allows('read', term.name, caller))
    },
  }
}

/** As Glance refuses it [403]. */
export function protectedProperty(name: string): HeliostatError {
  return new HeliostatError('forbidden', `Attribute '${name}' is reserved.`)
}

/** Only here the roles of a service count that passes the request on: Nova sets properties its users may not. */
function withServiceRoles(caller: Caller): Caller {
  if (caller.serviceRoles.length === 0) return caller
  return { ...caller, roles: [...caller.roles, ...caller.serviceRoles] }
}

function refuseUnknownPolicies(protection: ProtectionRules, policy: Policy): void {
  const unknown = policiesIn(protection).filter((name) => !policy.has(name))
  if (unknown.length === 0) return
  const mistakes = unknown.map(
    (name) => `${protection.file}: got "${name}", wanted a rule of the policy, @ or !`,
  )
  throw new ConfigError(mistakes.join('\n'))
}
