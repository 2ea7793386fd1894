import { ConfigError } from '../../errors.ts'
import { reasonOf } from '../../reason.ts'
import { parseIniSections } from './ini-sections.ts'
import { pythonPattern } from './python-pattern.ts'

export type Operation = 'create' | 'read' | 'update' | 'delete'

/** One section of a property protection file. */
export interface ProtectionRule {
  section: string
  pattern: RegExp
  /** Lower-case roles, or the name of one rule of the policy; `@` for everyone, `!` for nobody. */
  allowed: Record<Operation, string[]>
}

export interface ProtectionSource {
  /** What messages call the file. */
  file: string
  text: string
  format: 'roles' | 'policies'
}

export interface ProtectionRules extends Pick<ProtectionSource, 'file' | 'format'> {
  /** In the order of the file: the first whose pattern is found in a name counts. */
  rules: ProtectionRule[]
  /** One sentence for each operation that is for nobody, since nobody is named. */
  warnings: string[]
}

/** The service's own properties: no request may name them, and no file speaks of them. */
export const OWN_PREFIX = 'os_glance'

/** Reads a property protection file of Glance. Throws a ConfigError that lists every mistake at once. */
export function parseProtectionRules({ file, text, format }: ProtectionSource): ProtectionRules {
  const { sections, mistakes } = parseIniSections(text)
  const warnings: string[] = []
  const defaults = sections.get('DEFAULT')
  const rules: ProtectionRule[] = []
  for (const [section, options] of sections) {
    if (section === 'DEFAULT' || section.startsWith(OWN_PREFIX)) continue
    const allowed = (operation: Operation): string[] => {
      const value = options.get(operation) ?? defaults?.get(operation)
      const where = `section [${section}]: ${operation}`
      const mistake = mistakeIn(value, format)
      if (mistake !== null) mistakes.push(`${where}: ${mistake}`)
      if (value === '') warnings.push(`${where} names nobody, so it is for nobody`)
      return format === 'policies' ? namesOf(value) : namesOf(value?.toLowerCase())
    }
    const pattern = compile(section)
    if (typeof pattern === 'string') mistakes.push(pattern)
    rules.push({
      section,
      pattern: typeof pattern === 'string' ? NOTHING : pattern,
      allowed: {
        create: allowed('create'),
        read: allowed('read'),
        update: allowed('update'),
        delete: allowed('delete'),
      },
    })
  }
  if (mistakes.length > 0) {
    throw new ConfigError(mistakes.map((mistake) => `${file}: ${mistake}`).join('\n'))
  }
  return { file, format, rules, warnings: warnings.map((warning) => `${file}: ${warning}`) }
}

const NOTHING = /(?!)/

function compile(section: string): RegExp | string {
  try {
    return pythonPattern(section)
  } catch (error) {
    return `section [${section}]: wanted a regular expression: ${reasonOf(error)}`
  }
}

function mistakeIn(value: string | undefined, format: ProtectionRules['format']): string | null {
  if (value === undefined) return 'it is missing, wanted it in every section'
  const names = namesOf(value)
  if (format === 'policies' && names.length > 1) {
    return `got "${value}", wanted one rule of the policy, which may combine others`
  }
  if (names.includes('@') && names.includes('!')) {
    return `got "${value}", wanted either @ for everyone or ! for nobody`
  }
  return null
}

function namesOf(value = ''): string[] {
  return value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

/** The rules of the policy that a protection asks. */
export function policiesIn({ format, rules }: ProtectionRules): string[] {
  if (format === 'roles') return []
  const names = rules.flatMap(({ allowed }) => Object.values(allowed).flat())
  return [...new Set(names)].filter((name) => name !== '@' && name !== '!')
}
