import type { RawConfig } from '../config.ts'

const REFERENCE = /\\\$|\$\$|\$\{([a-z_][\w.]*)\}|\$([a-z_][\w.]*)/gi

/**
 * A configuration file with its references filled in, as oslo.config does: `$option` is the one of the same section, or
 * else of [DEFAULT], `${section.option}` that of another; `$$` and `\$` are a dollar sign. What the file does not say
 * stays as it is written.
 */
export function fillReferences(raw: RawConfig): RawConfig {
  return Object.fromEntries(
    Object.entries(raw).map(([section, options]) => {
      const filled = Object.entries(options).map(
        ([option, value]) => [option, fill(raw, section, value)] as const,
      )
      return [section, Object.fromEntries(filled)]
    }),
  )
}

/** `above` are the references that lead here: one of them is not followed again. */
function fill(raw: RawConfig, section: string, value: string, above: string[] = []): string {
  return value.replace(REFERENCE, (whole, braced?: string, bare?: string) => {
    const name = braced ?? bare
    if (name === undefined) return '$'
    const [place, option] = placeOf(raw, section, name)
    const found = valueOf(raw, place, option)
    const path = `${place}.${option}`
    if (found === undefined || above.includes(path)) return whole
    return fill(raw, place, found, [...above, path])
  })
}

function placeOf(raw: RawConfig, section: string, name: string): [section: string, option: string] {
  const dot = name.indexOf('.')
  if (dot >= 0) return [name.slice(0, dot), name.slice(dot + 1)]
  return [valueOf(raw, section, name) === undefined ? 'DEFAULT' : section, name]
}

function valueOf(raw: RawConfig, section: string, option: string): string | undefined {
  const options = Object.hasOwn(raw, section) ? raw[section] : undefined
  return options && Object.hasOwn(options, option) ? options[option] : undefined
}
