import { z } from 'zod'
import { type NewNamespace, namespace } from '../../../schema/metadef.ts'
import { NEVER } from '../../registry/metadef-contents.ts'
import { requireShape, type SourceHttp } from './http.ts'
import { withoutNulls } from '../../without-nulls.ts'

const PAGE = 200

/** A namespace of metadata definitions, as it would be loaded from a file, with its times. */
export interface SourceNamespace {
  given: NewNamespace
  times: { created_at: number; updated_at: number }
}

/** Where metadata definitions are kept as the source has them. */
export interface Definitions {
  isSame(namespace: SourceNamespace): Promise<boolean>
  /** Replaces the namespace with all that it holds. */
  bring(namespace: SourceNamespace): Promise<void>
}

/** The metadata definitions of another Glance. */
export interface NamespaceSource {
  namespaceNames(signal: AbortSignal): AsyncGenerator<string>
  /** Null where it is gone by now. */
  namespace(name: string, signal: AbortSignal): Promise<SourceNamespace | null>
}

const namespacePage = z.object({
  namespaces: z.array(z.object({ namespace: z.string().min(1).max(80) })),
  next: z.string().optional(),
})

export function createNamespaceSource(http: SourceHttp): NamespaceSource {
  return {
    async *namespaceNames(signal) {
      for (let marker: string | null = null; ;) {
        const query = new URLSearchParams({
          limit: String(PAGE),
          ...(marker !== null && { marker }),
        })
        const document = await http.read(`/v2/metadefs/namespaces?${query}`, signal)
        if (document === null) return
        const { namespaces, next } = requireShape(namespacePage, document, 'namespaces')
        for (const { namespace: name } of namespaces) yield name
        marker = namespaces.at(-1)?.namespace ?? null
        if (next === undefined || marker === null) return
      }
    },

    async namespace(name, signal) {
      const path = `/v2/metadefs/namespaces/${encodeURIComponent(name)}`
      const document = await http.read(path, signal)
      return document === null ? null : readNamespace(document)
    },
  }
}

const times = z.object({ created_at: z.string(), updated_at: z.string().optional() })

function readNamespace(document: unknown): SourceNamespace {
  const { created_at, updated_at } = requireShape(times, document, 'namespaces')
  const {
    self: _self,
    schema: _schema,
    created_at: _at,
    updated_at: _to,
    ...rest
  } = Object(document)
  const given = requireShape(namespace, withoutNulls(rest), 'definitions')
  return {
    // It tells them newest first.
    given: { ...given, ...(given.tags && { tags: given.tags.toReversed() }) },
    times: {
      created_at: Date.parse(created_at) || Date.now(),
      updated_at: Date.parse(updated_at ?? '') || NEVER,
    },
  }
}
