import { z } from 'zod'

/** What an application credential is for, where it is not for everything. */
export const accessRule = z.object({ service: z.string(), method: z.string(), path: z.string() })
export type AccessRule = z.output<typeof accessRule>

/** Whether one of the rules is for this request to a service of that type. */
export function allowsRequest(
  rules: AccessRule[],
  service: string,
  { method, path }: { method: string; path: string },
): boolean {
  return rules.some(
    (rule) => rule.service === service && rule.method === method && matchesPath(path, rule.path),
  )
}

/**
 * Whether a path has the form of a pattern: `*` and `{name}` stand for one segment, `**` for anything. Users write
 * both, and a regular expression might take forever; this takes the product of the lengths.
 */
function matchesPath(path: string, pattern: string): boolean {
  const parts = pattern.match(/\{[^}]*\}|\*\*|[^]/g) ?? []
  let ends = Array.from({ length: path.length + 1 }, (_, position) => position === 0)
  for (const part of parts) ends = endsOf(part, path, ends)
  return ends[path.length] === true
}

/** Where in the path a part of the pattern may end, when it begins at one of these places. */
function endsOf(part: string, path: string, starts: boolean[]): boolean[] {
  const isSegment = part === '*' || /^\{.+\}$/.test(part)
  let ends = false
  return starts.map((begins, position) => {
    const begun = starts[position - 1] === true
    const character = path[position - 1]
    if (part === '**') ends ||= begins
    else if (isSegment) ends = (ends || begun) && character !== '/'
    else ends = begun && character === part
    return ends
  })
}
