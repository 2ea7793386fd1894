type Bound = string | number | boolean | null

/**
 * A piece of SQL, and what is bound to its question marks, in their order. For statements that are put together anew for
 * every request: what has the same text is prepared once.
 */
export interface Fragment {
  text: string
  args: Bound[]
}

/** Takes fragments in as they are, and binds every other value. */
export function fragment(
  pieces: TemplateStringsArray,
  ...parts: readonly (Fragment | Bound)[]
): Fragment {
  let text = pieces[0] ?? ''
  const args: Bound[] = []
  for (const [index, part] of parts.entries()) {
    if (typeof part === 'object' && part !== null) {
      text += part.text
      args.push(...part.args)
    } else {
      text += '?'
      args.push(part)
    }
    text += pieces[index + 1] ?? ''
  }
  return { text, args }
}

/** What binds nothing: names of columns and of indexes. Never what a client sends. */
export function raw(text: string): Fragment {
  return { text, args: [] }
}

export function joined(fragments: readonly Fragment[], separator: string): Fragment {
  return {
    text: fragments.map(({ text }) => text).join(separator),
    args: fragments.flatMap(({ args }) => args),
  }
}

/** Holds where all of the conditions do. */
export function all(conditions: readonly Fragment[]): Fragment {
  return conditions.length === 0 ? raw('true') : joined(conditions, ' AND ')
}
