import { getLogger } from '@logtape/logtape'
import type { Config } from '../config.ts'
import { DEFAULT_POLICY } from '../identity/policy.ts'
import { createPropertyProtection, NO_PROTECTION } from '../images/protection/properties.ts'
import {
  parseProtectionRules,
  policiesIn,
  type ProtectionRules,
} from '../images/protection/rules.ts'
import { openPolicyFile, readText } from './policy-file.ts'
import type { Rules } from './services.ts'

const log = getLogger(['heliostat', 'policy'])

/** Reads the files that the configuration names: the policy's again whenever it changes, the protection's only now. */
export function openRules(config: Config): Rules {
  const { policy_file } = config.oslo_policy
  const protection = readProtection(config)
  for (const warning of protection?.warnings ?? []) log.warn(warning)
  const policy = policy_file
    ? openPolicyFile(policy_file, askedPolicies(protection))
    : DEFAULT_POLICY
  return {
    policy,
    protection: protection ? createPropertyProtection(protection, policy) : NO_PROTECTION,
  }
}

/** The rules of the property protection file, where there is one. */
export function readProtection({ DEFAULT }: Config): ProtectionRules | null {
  const { property_protection_file: path, property_protection_rule_format: format } = DEFAULT
  if (path === null) return null
  const file = `[DEFAULT] property_protection_file ${path}`
  return parseProtectionRules({ file, text: readText(file, path), format })
}

/** The rules of the policy that a property protection asks for. */
export function askedPolicies(protection: ProtectionRules | null): string[] {
  return protection ? policiesIn(protection) : []
}
