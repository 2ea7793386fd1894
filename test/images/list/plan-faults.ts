import type { Step } from '../../support/query-plans.ts'

/**
 * What makes a list of images take longer the more of them there are: scans, and sorting more than the page itself. The
 * page is sorted at the top; below that only the images that are shared with a project, which are few.
 */
export function faultsOf(steps: Step[]): string[] {
  const isScan = ({ detail }: Step) => /^SCAN images\b/.test(detail)
  const isSort = ({ parent, detail }: Step) =>
    detail === 'USE TEMP B-TREE FOR ORDER BY' && parent !== 0 && !sortsFew(steps, parent)
  return steps.filter((step) => isScan(step) || isSort(step)).map(({ detail }) => detail)
}

function sortsFew(steps: Step[], parent: number): boolean {
  const siblings = steps.filter((step) => step.parent === parent)
  return siblings.some(({ detail }) => /^SEARCH images .*[( ]id=\?\)$/.test(detail))
}
