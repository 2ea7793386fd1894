import { ConfigError } from '../errors.ts'
import type { Caller, Identity } from './caller.ts'

/** What rules are asked about: an identity has not been found to be an administrator yet. */
export type Subject = Caller | Identity

export type Attributes = Readonly<Record<string, unknown>>

export type Check = (caller: Subject, target: Attributes) => boolean

type Credential = (caller: Subject) => string | null | boolean | readonly string[]

const CREDENTIALS: ReadonlyMap<string, Credential> = new Map<string, Credential>([
  ['user_id', ({ userId }) => userId],
  ['user', ({ userId }) => userId],
  ['project_id', ({ projectId }) => projectId],
  ['project', ({ projectId }) => projectId],
  ['tenant', ({ projectId }) => projectId],
  ['tenant_id', ({ projectId }) => projectId],
  ['domain_id', ({ domainId }) => domainId],
  ['domain', ({ domainId }) => domainId],
  ['user_domain_id', ({ userDomainId }) => userDomainId],
  ['user_domain', ({ userDomainId }) => userDomainId],
  ['project_domain_id', ({ projectDomainId }) => projectDomainId],
  ['project_domain', ({ projectDomainId }) => projectDomainId],
  ['system_scope', ({ systemScope }) => systemScope],
  ['roles', ({ roles }) => roles],
  ['service_roles', ({ serviceRoles }) => serviceRoles],
  ['is_admin', (caller) => 'isAdmin' in caller && caller.isAdmin],
])

/** Attributes that a target has under another name. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['project_id', 'owner'],
  ['tenant', 'owner'],
  ['tenant_id', 'owner'],
  ['image_id', 'id'],
  ['member', 'member_id'],
])

/** What no custom property may stand in for where the target lacks it: its owner could make himself a member. */
const NEVER_CUSTOM: ReadonlySet<string> = new Set([...ALIASES.values(), 'visibility'])

/** `role:NAME`, where the name may have placeholders. Role names are compared in lower case. */
export function roleCheck(match: string): Check {
  const role = parseTemplate(match, known)
  return (caller, target) => {
    const name = role(target)
    return name !== undefined && caller.roles.includes(name.toLowerCase())
  }
}

/**
 * `CREDENTIAL:MATCH` or `LITERAL:MATCH`: both sides are compared as Python would print them. Unlike in oslo.policy what a
 * caller lacks is not what a target lacks: without a project he would own all that has no owner. Only a rule that says
 * `None` itself means it.
 */
export function genericCheck(kind: string, match: string): Check {
  const literal = parseLiteral(kind)
  if (literal !== null) {
    const template = parseTemplate(match, printed)
    return (_, target) => template(target) === literal
  }
  const credential = CREDENTIALS.get(kind)
  if (!credential) {
    throw new ConfigError(
      `wanted role:, rule:, a credential such as project_id: or a literal such as 'public': for "${kind}:${match}"`,
    )
  }
  if (match === 'None') return (caller) => isNone(credential(caller))
  const template = parseTemplate(match, known)
  return (caller, target) => {
    const wanted = template(target)
    if (wanted === undefined) return false
    const value = credential(caller)
    return typeof value === 'object' && value !== null
      ? value.includes(wanted)
      : known(value) === wanted
  }
}

/** Lists are asked for with an empty project by those who have none: see `mayList`. */
function isNone(value: unknown): boolean {
  return value === null || value === ''
}

/** A Python literal as Python prints it; null for what is none. */
function parseLiteral(text: string): string | null {
  if (text === 'True' || text === 'False' || text === 'None') return text
  if (/^[+-]?(0|[1-9]\d*)$/.test(text)) return String(BigInt(text))
  const quote = text[0]
  if (quote !== "'" && quote !== '"') return null
  const content = text.slice(1, -1)
  if (text.length < 2 || !text.endsWith(quote) || content.includes(quote) || content.includes('\\'))
    throw new ConfigError(`wanted a literal such as 'public', without a backslash, for ${text}`)
  return content
}

type Template = (target: Attributes) => string | undefined

const PLACEHOLDER = /%\(([^()]+)\)s/

/** Text with placeholders such as `%(owner)s`; undefined of a target that lacks one of them, as `print` tells. */
function parseTemplate(text: string, print: Print): Template {
  // Of a split by a pattern with a group every second part is what the group has matched.
  const [first = '', ...rest] = text.split(PLACEHOLDER)
  const parts = [first, ...rest].map((part, index) =>
    index % 2 === 1 ? attribute(part, print) : plainText(part),
  )
  const [before, only, after] = parts
  if (parts.length === 1 && typeof before === 'string') return () => before
  if (parts.length === 3 && before === '' && after === '' && typeof only === 'function') return only
  return (target) => {
    const texts = parts.map((part) => (typeof part === 'string' ? part : part(target)))
    return texts.includes(undefined) ? undefined : texts.join('')
  }
}

function plainText(text: string): string {
  const plain = text.replaceAll('%%', '')
  if (plain.includes('%')) throw new ConfigError(`wanted %(attribute)s or %% for "${text}"`)
  return text.replaceAll('%%', '%')
}

function attribute(name: string, print: Print): Template {
  const field = ALIASES.get(name) ?? name
  if (NEVER_CUSTOM.has(field)) return (target) => print(target[field])
  return (target) => print(target[field] === undefined ? customOf(target, name) : target[field])
}

function customOf({ properties }: Attributes, name: string): unknown {
  if (typeof properties !== 'object' || properties === null) return undefined
  return Object.getOwnPropertyDescriptor(properties, name)?.value
}

type Print = (value: unknown) => string | undefined

/** As `printed`, but undefined for what is not known. */
function known(value: unknown): string | undefined {
  return value === null ? undefined : printed(value)
}

/** As Python's `str` has it; undefined for what is no single value. */
function printed(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return typeof value === 'number' ? String(value) : undefined
}
