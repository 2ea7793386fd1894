import type { z } from 'zod'

/** Where the first mistake is, within what has this name, and what was wanted there. */
export function describeIssue({ issues: [issue] }: z.ZodError, name?: string): string {
  const path = [...(name === undefined ? [] : [name]), ...(issue?.path ?? [])].join('.')
  return path === '' ? `${issue?.message}` : `${path}: ${issue?.message}`
}
