import { eq, getTableColumns, type Placeholder, sql, type SQL } from 'drizzle-orm'
import { images } from '../../../schema/tables.ts'
import { createLru } from '../../lru.ts'
import type { Registry } from '../../registry/database.ts'
import type { Fragment } from '../../registry/fragment.ts'
import {
  locationsOf,
  NO_LOCATIONS,
  propertiesOf,
  propertiesUpTo,
  tagsOf,
} from '../../registry/image-columns.ts'
import type { FoundImage, Image, Properties } from '../image.ts'
import { isMemberOf } from '../visibility.ts'
import type { SortKey } from './sorting.ts'

/** Bytes of properties that are read with their image; longer ones are read one by one. */
const LONG = 32 << 10

/** Statements of different texts that are kept prepared. */
const MOST_PREPARED = 128

export type ListRow = Omit<Image, 'properties'> &
  Pick<FoundImage, 'isMember' | 'locations'> & {
    /** Null for those that are long. */
    properties: Properties | null
  }

/** Reads the images of a page, with all that belongs to them, by one statement. */
export interface PageReader {
  /** `rows` selects the `rowid` of each. */
  read(rows: Fragment, sort: SortKey[], projectId: string | null): Promise<ListRow[]>
  readProperties(id: string): Promise<Properties>
}

export function createPageReader(registry: Registry, listLocations: boolean): PageReader {
  const prepared = createLru<ReturnType<typeof prepare>>(MOST_PREPARED)
  const findLong = registry
    .select({ properties: propertiesOf })
    .from(images)
    .where(eq(images.id, sql.placeholder('id')))
    .prepare()

  function prepare(rows: string, order: string) {
    return registry
      .select({
        ...getTableColumns(images),
        properties: propertiesUpTo(LONG),
        tags: tagsOf,
        locations: listLocations ? locationsOf : NO_LOCATIONS,
        isMember: isMemberOf(sql.placeholder('project')),
      })
      .from(images)
      .where(sql`images.rowid IN (${withPlaceholders(rows)})`)
      .orderBy(sql.raw(order))
      .prepare()
  }

  return {
    async read(rows, sort, projectId) {
      // The plus keeps the engine from walking through all images in the order of an index to find those of the page.
      const order = sort.map(({ key, direction }) => `+${key} ${direction}`).join(', ')
      const key = `${rows.text} ${order}`
      const statement = prepared.get(key) ?? prepare(rows.text, order)
      prepared.set(key, statement)
      return statement.all({ ...rows.args, project: projectId })
    },

    async readProperties(id) {
      return (await findLong.get({ id }))?.properties ?? {}
    },
  }
}

/** Named after the place of what is bound to them. */
function withPlaceholders(text: string): SQL {
  const chunks = text
    .split('?')
    .flatMap((piece, index): (SQL | Placeholder)[] =>
      index === 0 ? [sql.raw(piece)] : [sql.placeholder(String(index - 1)), sql.raw(piece)],
    )
  return sql.join(chunks)
}
