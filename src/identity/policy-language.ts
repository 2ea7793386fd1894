/** The language of oslo.policy: https://docs.openstack.org/oslo.policy/latest/reference/api/oslo_policy.policy.html */
import { ConfigError } from '../errors.ts'
import { type Check, genericCheck, roleCheck } from './policy-checks.ts'

/** A rule whose references to other rules are still names. */
export type Expression =
  | { kind: 'check'; check: Check }
  | { kind: 'rule'; name: string }
  | { kind: 'not'; term: Expression }
  | { kind: 'and' | 'or'; terms: Expression[] }

const EVERYONE: Expression = { kind: 'check', check: () => true }
export const NOBODY: Expression = { kind: 'check', check: () => false }

/** Throws a ConfigError that tells what was wanted. oslo.policy itself lets nobody pass then, and goes on. */
export function parseRule(text: string): Expression {
  if (text === '') return EVERYONE
  const tokens = createTokens(text)
  const expression = parseAlternatives(tokens)
  const rest = tokens.next()
  if (rest !== undefined) throw new ConfigError(`wanted "and", "or" or the end before "${rest}"`)
  return expression
}

/** Makes one function of a rule; `checkOf` finds the rules that it refers to. */
export function compileRule(rule: Expression, checkOf: (name: string) => Check): Check {
  switch (rule.kind) {
    case 'check':
      return rule.check
    case 'rule':
      return checkOf(rule.name)
    case 'not': {
      const check = compileRule(rule.term, checkOf)
      return (caller, target) => !check(caller, target)
    }
    case 'and':
      return rule.terms.map((term) => compileRule(term, checkOf)).reduce(both)
    case 'or':
      return rule.terms.map((term) => compileRule(term, checkOf)).reduce(either)
  }
}

function both(left: Check, right: Check): Check {
  return (caller, target) => left(caller, target) && right(caller, target)
}

function either(left: Check, right: Check): Check {
  return (caller, target) => left(caller, target) || right(caller, target)
}

/** The names of the rules that a rule refers to. */
export function referencesOf(rule: Expression): string[] {
  switch (rule.kind) {
    case 'check':
      return []
    case 'rule':
      return [rule.name]
    case 'not':
      return referencesOf(rule.term)
    case 'and':
    case 'or':
      return rule.terms.flatMap(referencesOf)
  }
}

interface Tokens {
  next(): string | undefined
  /** Takes the next token if it is this one, in any case. */
  take(token: string): boolean
}

/** A parenthesis counts only at either end of a word, since `%(name)s` has some as well. */
function createTokens(text: string): Tokens {
  const words = text.split(/\s+/).filter((word) => word !== '')
  const tokens = words.flatMap((word) => {
    const [, opening = '', content = '', closing = ''] = /^(\(*)(.*?)(\)*)$/s.exec(word) ?? []
    return [...opening, ...(content === '' ? [] : [content]), ...closing]
  })
  let position = 0
  return {
    next: () => tokens[position++],
    take(token) {
      if (tokens[position]?.toLowerCase() !== token) return false
      position += 1
      return true
    },
  }
}

function parseAlternatives(tokens: Tokens): Expression {
  const terms = [parseConjunction(tokens)]
  while (tokens.take('or')) terms.push(parseConjunction(tokens))
  return joined('or', terms)
}

function parseConjunction(tokens: Tokens): Expression {
  const terms = [parseTerm(tokens)]
  while (tokens.take('and')) terms.push(parseTerm(tokens))
  return joined('and', terms)
}

function joined(kind: 'and' | 'or', terms: Expression[]): Expression {
  const [only] = terms
  return terms.length === 1 && only ? only : { kind, terms }
}

function parseTerm(tokens: Tokens): Expression {
  if (tokens.take('not')) return { kind: 'not', term: parseTerm(tokens) }
  if (tokens.take('(')) {
    const inner = parseAlternatives(tokens)
    if (!tokens.take(')')) throw new ConfigError(`wanted ")" before ${named(tokens.next())}`)
    return inner
  }
  const token = tokens.next()
  if (token === undefined || [')', 'and', 'or'].includes(token.toLowerCase()))
    throw new ConfigError(`wanted a check such as role:admin before ${named(token)}`)
  return parseCheck(token)
}

function named(token: string | undefined): string {
  return token === undefined ? 'the end' : `"${token}"`
}

function parseCheck(text: string): Expression {
  if (text === '@') return EVERYONE
  if (text === '!') return NOBODY
  const colon = text.indexOf(':')
  // Quoted as a whole it is a text, which oslo.policy knows but has no use for.
  if (colon < 0 || /^(["']).*\1$/s.test(text))
    throw new ConfigError(`wanted a check such as role:admin for "${text}"`)
  const kind = text.slice(0, colon)
  const match = text.slice(colon + 1)
  switch (kind) {
    case 'rule':
      return { kind: 'rule', name: match }
    case 'role':
      return { kind: 'check', check: roleCheck(match) }
    case 'http':
    case 'https':
      throw new ConfigError(`wanted a check that needs no other server than this one for "${text}"`)
    default:
      return { kind: 'check', check: genericCheck(kind, match) }
  }
}
