import { type Access, narrowedTo } from './access.ts'
import type { ListRow, PageReader } from './reading.ts'
import { type AskedPage, isChecked, startOfPage } from './statements.ts'

interface Reading extends Pick<PageReader, 'read'> {
  readPage(page: AskedPage): Promise<ListRow[]>
  /** Reads what is far away. */
  readRest(page: AskedPage, access: Access): Promise<ListRow[]>
  /** So many images are looked at together. */
  start: number
}

/**
 * Reads a page in an order of which an index knows but the first key, group by group of the images that are equal in
 * that. Small ones are sorted together; of a large one the first are a page of their own, in the rest of the order.
 */
export async function readGroups(
  page: AskedPage,
  access: Access,
  { read, readPage, readRest, start }: Reading,
): Promise<ListRow[]> {
  const { sort, project } = page
  const [first, ...others] = access.sort
  const found: ListRow[] = []
  let { marker } = page
  let behind = access.sort
  while (first) {
    const left = { ...page, marker, behind, limit: page.limit - found.length }
    found.push(...(await read(startOfPage(left, access, start), sort, project)))
    if (found.length >= page.limit) break

    const last = found.at(-1)
    if (last) [marker, behind] = [last, [first]]
    const next = { ...left, marker, behind, limit: page.limit - found.length }
    const byFirst = { ...access, sort: [first], isOrdered: true }
    const [image] = await read(startOfPage({ ...next, limit: 1 }, byFirst, start), [first], project)
    if (!image && !isChecked(page, access)) break
    if (!image) return [...found, ...(await readRest(next, access))]

    // Of a group that the marker is in, and not at the end of, only what comes after it.
    const isBegun = marker?.[first.key] === image[first.key]
    const terms = narrowedTo(page.terms, image, first.key)
    const rest = { marker: isBegun ? marker : null, limit: next.limit, sort: others, terms }
    found.push(...(await readPage({ ...page, ...rest })))
    if (found.length >= page.limit) break
    ;[marker, behind] = [image, [first]]
  }
  return found
}
