import { REPEATED_OPTIONS } from '../store-options.ts'
import { unquote } from './unquote.ts'

/** Puts the values of an option that stands in a section several times into one line. Keeps the lines' numbers. */
export function joinRepeated(text: string): string {
  const lines = text.split('\n')
  const first = new Map<string, number>()
  let section = ''
  lines.forEach((line, index) => {
    section = /^[ \t]*\[([^\]]*)\]/.exec(line)?.[1] ?? section
    const [, option = '', written = ''] = /^(\w+)[ \t]*=(.*)$/.exec(line) ?? []
    if (!REPEATED_OPTIONS.includes(option)) return
    const value = unquote(written.trim())
    const place = `[${section}] ${option}`
    const before = first.get(place)
    if (before === undefined) first.set(place, index)
    lines[before ?? index] =
      before === undefined ? `${option} = ${value}` : `${lines[before]},${value}`
    if (before !== undefined) lines[index] = ''
  })
  return lines.join('\n')
}
