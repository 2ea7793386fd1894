import type { NamespaceRow } from '../registry/metadef-contents.ts'

export interface Viewer {
  isAdmin: boolean
  /** The project that the viewer acts for; `null` if there is none. */
  projectId: string | null
}

/** Whether a namespace exists for a viewer, before any rule is asked. One without an owner is everyone's. */
export function canSee(
  { isAdmin, projectId }: Viewer,
  { owner, visibility }: Pick<NamespaceRow, 'owner' | 'visibility'>,
): boolean {
  return isAdmin || owner === null || owner === projectId || visibility === 'public'
}
