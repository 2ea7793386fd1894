import { isMap, isScalar, parseDocument } from 'yaml'
import { ConfigError } from '../errors.ts'
import { DEFAULT_RULES } from './default-rules.ts'
import { createRuleSet, type Policy } from './policy.ts'

/** The text of a policy file, and what to call it in messages. */
export interface PolicySource {
  file: string
  text: string
}

export interface LoadedPolicy {
  policy: Policy
  /** Every rule in force, by name. */
  rules: ReadonlyMap<string, string>
  /** One sentence for each rule that nothing asks for. */
  warnings: string[]
}

/**
 * Puts the rules of a policy file (`name: rule`, as YAML or JSON) over the defaults. Throws a ConfigError that lists
 * every mistake at once. `used` are the names that are asked for from elsewhere.
 */
export function loadPolicy({ file, text }: PolicySource, used: readonly string[]): LoadedPolicy {
  const { overrides, mistakes } = parseOverrides(text)
  const { policy, rules, referred, ...found } = createRuleSet(overrides)
  for (const { rule, wanted } of found.mistakes) {
    mistakes.push(`rule "${rule}": got "${rules.get(rule)}", ${wanted}`)
  }
  if (mistakes.length > 0) {
    throw new ConfigError(mistakes.map((mistake) => `${file}: ${mistake}`).join('\n'))
  }
  const warnings = [...overrides.keys()]
    .filter((rule) => !Object.hasOwn(DEFAULT_RULES, rule))
    .filter((rule) => !referred.has(rule) && !used.includes(rule))
    .map((rule) => `${file}: rule "${rule}" means nothing here and no other rule refers to it`)
  return { policy, rules, warnings }
}

interface Overrides {
  overrides: Map<string, string>
  mistakes: string[]
}

function parseOverrides(text: string): Overrides {
  const overrides = new Map<string, string>()
  const document = parseDocument(text)
  // Without the line itself, which the parser shows below: the file may be another one than was meant.
  const mistakes = [...document.errors, ...document.warnings].map(({ message }) =>
    message.replace(/:?\n[^]*/, ''),
  )
  if (mistakes.length > 0 || document.contents === null) return { overrides, mistakes }
  if (!isMap(document.contents)) return { overrides, mistakes: ['wanted lines of name: "rule"'] }
  for (const { key, value } of document.contents.items) {
    const name = isScalar(key) ? key.value : null
    const rule: unknown = isScalar(value) ? value.value : null
    if (typeof name !== 'string') {
      mistakes.push(`got the name "${String(key)}", wanted text`)
    } else if (typeof rule !== 'string') {
      mistakes.push(
        `rule "${name}": got ${JSON.stringify(value)}, wanted a text such as "role:admin"`,
      )
    } else if (isScalar(value) && value.tag === '!') {
      // To YAML a bare ! is an empty text with a tag, and the empty rule is for everyone.
      mistakes.push(`rule "${name}": got ! without quotes, wanted "!"`)
    } else {
      overrides.set(name, rule)
    }
  }
  return { overrides, mistakes }
}
