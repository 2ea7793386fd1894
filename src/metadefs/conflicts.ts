import { HeliostatError } from '../errors.ts'
import { CONTENT_KINDS, type Contents, type NamespaceRow } from '../registry/metadef-contents.ts'
import { duplicate, nameOf } from './kinds.ts'

/** Runs a batch in which a name may be taken, and says which table has it already [409]. */
export async function refuseTaken<T>(
  refusal: (table: string) => HeliostatError,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action()
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    const [, table] = /UNIQUE constraint failed: (metadef_\w+)\./.exec(message) ?? []
    throw table === undefined ? error : refusal(table)
  }
}

export function namespaceTaken({ namespace }: NamespaceRow): HeliostatError {
  return new HeliostatError(
    'conflict',
    `The metadata definition namespace=${namespace} already exists.`,
  )
}

/** For a change of many entries at once. */
export function twice({ namespace }: NamespaceRow): HeliostatError {
  return new HeliostatError(
    'conflict',
    `Two metadata definitions of one kind would have the same name in namespace=${namespace}.`,
  )
}

/** The same where it is known what there would be, and so which entry is the one too many. */
export function twiceAmong(row: NamespaceRow, contents: Partial<Contents>): HeliostatError {
  for (const kind of CONTENT_KINDS) {
    const names = new Set<string>()
    for (const name of (contents[kind] ?? []).map(nameOf)) {
      if (names.has(name)) return duplicate(kind, name, row.namespace)
      names.add(name)
    }
  }
  return twice(row)
}
