import { HeliostatError } from '../errors.ts'
import type { NamespaceRow } from '../registry/metadef-contents.ts'

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
