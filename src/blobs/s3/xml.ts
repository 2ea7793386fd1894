import { XMLParser } from 'fast-xml-parser'
import { z } from 'zod'

/** What a server says of a request that it refuses. */
export interface ErrorDocument {
  code: string
  message: string
  /** Of the bucket, where the request was signed for another one. */
  region: string
  /** The host to ask instead. */
  endpoint: string
}

export interface Listing {
  objects: { key: string; storedAt: number }[]
  isTruncated: boolean
  /** Where the next page begins, unless the server leaves it to the last key. */
  token: string | null
}

const text = z.string().catch('')
const errorDocument = z.object({
  Error: z.object({ Code: text, Message: text, Region: text, Endpoint: text }),
})

const listDocument = z.object({
  ListBucketResult: z.object({
    IsTruncated: z.enum(['true', 'false']),
    NextContinuationToken: z.string().optional(),
    Contents: z.array(z.object({ Key: z.string(), LastModified: z.coerce.date() })).default([]),
  }),
})

const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'Contents' })

/** Null for a text that is no error. */
export function parseError(xml: string): ErrorDocument | null {
  if (!xml.includes('<Error')) return null
  const { data } = errorDocument.safeParse(parse(xml))
  if (!data) return null
  const { Code: code, Message: message, Region: region, Endpoint: endpoint } = data.Error
  return { code, message, region, endpoint }
}

/** A page of a list; throws a sentence for anything else, such as one that was cut off. */
export function parseListing(xml: string): Listing {
  const { data } = listDocument.safeParse(parse(xml))
  if (!data) throw new Error('answers with something that is no list of objects')
  const { Contents, IsTruncated, NextContinuationToken } = data.ListBucketResult
  return {
    objects: Contents.map(({ Key, LastModified }) => ({
      key: Key,
      storedAt: LastModified.getTime(),
    })),
    isTruncated: IsTruncated === 'true',
    token: NextContinuationToken || null,
  }
}

/** Null for what is not well-formed. No server declares entities: one that does means no good. */
function parse(xml: string): unknown {
  if (xml.includes('<!DOCTYPE')) return null
  try {
    return parser.parse(xml, true)
  } catch {
    return null
  }
}
