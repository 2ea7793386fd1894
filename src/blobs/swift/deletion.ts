import { z } from 'zod'
import { readLimited } from '../../http/body.ts'
import { drain, type SwiftClient } from './client.ts'
import { listObjects } from './listing.ts'
import type { NamedObject } from './url.ts'

/** Segments that are deleted at once. */
const AT_ONCE = 4
const MAX_REPORT_BYTES = 4 << 20

const report = z.object({ Errors: z.array(z.unknown()) })

/** Deletes an object with all its segments; an absent one too. What is broken off can be done again. */
export function createDeletion(client: SwiftClient): (object: NamedObject) => Promise<void> {
  async function erase({ container, key }: NamedObject): Promise<void> {
    const request = { method: 'DELETE' as const, container, key }
    await client.askIfPresent(`delete "${key}"`, request, drain)
  }

  /** Static: Swift itself deletes them, and answers 200 whatever comes of it. */
  async function eraseStatic({ container, key }: NamedObject): Promise<void> {
    const query = { 'multipart-manifest': 'delete' }
    const headers = { Accept: 'application/json' }
    // Until it is done, a blank comes now and then.
    const request = { method: 'DELETE' as const, container, key, query, headers, least: 1 }
    await client.askIfPresent(`delete "${key}"`, request, async ({ body }) => {
      const text = new TextDecoder().decode(await readLimited(body, MAX_REPORT_BYTES))
      const { Errors: errors } = report.parse(JSON.parse(text))
      if (errors.length > 0) throw new Error(`has kept ${errors.length} segments of it`)
    })
  }

  /** Dynamic: all whose name begins in the same way. The manifest goes last, since it tells how. */
  async function eraseSegments(manifest: string, object: NamedObject): Promise<void> {
    const [, container = '', prefix = ''] = /^\/?([^/]+)\/(.+)$/s.exec(decoded(manifest)) ?? []
    // Glance's own begin with the id; any other could name what belongs to somebody else.
    if (![`${object.key}-`, `${object.key}/`].some((own) => prefix.startsWith(own))) {
      throw new Error(`Cannot delete "${object.key}": its manifest names segments of others`)
    }
    let some: NamedObject[] = []
    for await (const { name } of listObjects(client, { container, prefix })) {
      some.push({ container, key: name })
      if (some.length < AT_ONCE) continue
      await Promise.all(some.map(erase))
      some = []
    }
    await Promise.all(some.map(erase))
  }

  return async function remove(object: NamedObject): Promise<void> {
    const { container, key } = object
    const request = { method: 'HEAD' as const, container, key }
    const found = await client.askIfPresent(`look for "${key}"`, request, async ({ headers }) => ({
      isStatic: headers.get('X-Static-Large-Object')?.toLowerCase() === 'true',
      manifest: headers.get('X-Object-Manifest'),
    }))
    if (!found) return
    if (found.isStatic) return eraseStatic(object)
    if (found.manifest !== null) await eraseSegments(found.manifest, object)
    await erase(object)
  }
}

function decoded(manifest: string): string {
  try {
    return decodeURIComponent(manifest)
  } catch {
    return manifest
  }
}
