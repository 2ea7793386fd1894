import { ConfigError } from '../errors.ts'
import { DEFAULT_RULES } from './default-rules.ts'
import type { Attributes, Check, Subject } from './policy-checks.ts'
import { compileRule, type Expression, NOBODY, parseRule, referencesOf } from './policy-language.ts'

/** What rules know of the record (or the record to be) that an action is about. */
export interface Target extends Attributes {
  readonly owner: string | null
  readonly visibility: string
  /** The project that an image is shared with, where the action is about one: the caller's own or a member's. */
  readonly member_id?: string | null
}

export type PolicyAction = keyof typeof DEFAULT_RULES

/** Who may do what. */
export interface Policy {
  /** Whether the rule of an action allows it to this caller on this target. */
  isAllowed(action: PolicyAction, caller: Subject, target: Target): boolean
  /** Whether the rule of this name, which may be an operator's own, holds for a caller; it has no target. */
  holds(rule: string, caller: Subject): boolean
  /** Whether there is a rule of this name. */
  has(rule: string): boolean
}

/** What is wrong with one rule. */
export interface RuleMistake {
  rule: string
  wanted: string
}

export interface RuleSet {
  policy: Policy
  /** Every rule in force, by name. */
  rules: ReadonlyMap<string, string>
  mistakes: RuleMistake[]
  /** The names that a rule refers to. */
  referred: ReadonlySet<string>
}

/** Compiles the defaults with some of them overridden, and rules that only these refer to. */
export function createRuleSet(overrides: ReadonlyMap<string, string>): RuleSet {
  const rules = new Map([...Object.entries(DEFAULT_RULES), ...overrides])
  const mistakes: RuleMistake[] = []
  const expressions = new Map<string, Expression>()
  for (const [rule, text] of rules) expressions.set(rule, parse(rule, text, mistakes))
  const checks = compileAll(expressions, mistakes)
  const referred = new Set([...expressions.values()].flatMap(referencesOf))
  return { policy: createPolicy(checks), rules, mistakes, referred }
}

function parse(rule: string, text: string, mistakes: RuleMistake[]): Expression {
  try {
    return parseRule(text)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    mistakes.push({ rule, wanted: error.message })
    return NOBODY
  }
}

function compileAll(
  expressions: ReadonlyMap<string, Expression>,
  mistakes: RuleMistake[],
): ReadonlyMap<string, Check> {
  const checks = new Map<string, Check>()
  const mistaken = (rule: string, wanted: string): Check => {
    mistakes.push({ rule, wanted })
    return nobody
  }
  const checkOf = (name: string, path: string[]): Check => {
    const done = checks.get(name)
    if (done) return done
    const from = path.at(-1) ?? name
    if (path.includes(name)) {
      const circle = [...path.slice(path.indexOf(name)), name].join(' -> ')
      return mistaken(from, `wanted no circle of rules: ${circle}`)
    }
    const expression = expressions.get(name)
    if (!expression) return mistaken(from, `wanted a rule that exists for "rule:${name}"`)
    const check = compileRule(expression, (next) => checkOf(next, [...path, name]))
    checks.set(name, check)
    return check
  }
  for (const name of expressions.keys()) checkOf(name, [])
  return checks
}

const nobody: Check = () => false
const NO_TARGET: Attributes = {}

function createPolicy(checks: ReadonlyMap<string, Check>): Policy {
  const holds = (rule: string, caller: Subject, target: Attributes): boolean => {
    // All rules are about projects: a token of a whole domain or deployment fails every one, also an administrator's.
    if (caller.systemScope !== null || caller.domainId !== null) return false
    return (checks.get(rule) ?? nobody)(caller, target)
  }
  return {
    isAllowed: holds,
    holds: (rule, caller) => holds(rule, caller, NO_TARGET),
    has: (rule) => checks.has(rule),
  }
}

/**
 * Whether a caller may list. What a list shows is public or the caller's own, so to the rule he owns it, also where he
 * has no project: then his own is nothing.
 */
export function mayList(
  policy: Pick<Policy, 'isAllowed'>,
  action: PolicyAction,
  caller: Subject,
): boolean {
  const projectId = caller.projectId ?? ''
  const target = { owner: projectId, visibility: 'private' }
  return policy.isAllowed(action, { ...caller, projectId }, target)
}

export const DEFAULT_POLICY: Policy = createRuleSet(new Map()).policy
