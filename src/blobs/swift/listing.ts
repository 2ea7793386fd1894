import { z } from 'zod'
import { readLimited } from '../../http/body.ts'
import type { SwiftClient } from './client.ts'

/** Names a page, as many as any server gives. */
const PAGE = 10_000
/** A name may have 1 kB. */
const MAX_PAGE_BYTES = 32 << 20

const page = z.array(z.object({ name: z.string(), last_modified: z.string() }))

/** An object as a listing has it. */
export interface ListedObject {
  name: string
  /** Milliseconds since 1970 UTC. */
  storedAt: number
}

interface Wanted {
  container: string
  prefix: string
  /** The names are to sort after this one. */
  after?: string
}

/** Objects in the order of their names, a page at a time. Nothing where a chunk has yet to create the container. */
export async function* listObjects(
  client: SwiftClient,
  { container, prefix, after = '' }: Wanted,
): AsyncGenerator<ListedObject> {
  let marker = after
  for (;;) {
    const query = { format: 'json', limit: `${PAGE}`, prefix, marker }
    const request = { method: 'GET' as const, container, key: null, query }
    const listed = await client.askIfPresent(`list "${prefix}"`, request, async ({ body }) => {
      const bytes = await readLimited(body, MAX_PAGE_BYTES)
      return bytes.length === 0 ? [] : page.parse(JSON.parse(new TextDecoder().decode(bytes)))
    })
    // A server may give fewer than asked for before the end.
    const last = listed?.at(-1)?.name
    if (!listed || last === undefined) return
    if (last === marker) throw new Error(`Swift repeats a page of container "${container}"`)
    for (const { name, last_modified } of listed) {
      yield { name, storedAt: Date.parse(`${last_modified.replace(/Z$/, '')}Z`) }
    }
    marker = last
  }
}
