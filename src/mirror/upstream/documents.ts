/** What upstreams answer, read within limits and made typed values: an upstream may be broken, or somebody else. */
import type { z } from 'zod'
import { describeIssue } from '../../../schema/describe-issue.ts'
import { parseBounded } from '../../bounded-json.ts'
import { reasonOf } from '../../reason.ts'
import { createGathering } from './gathering.ts'

/**
 * Ends what the operator is told of an answer that no Heliostat would give: most likely the URL is another server's, or
 * the site has no `[mirror] tokens` and so lets nobody follow it.
 */
export const NO_HELIOSTAT_HINT = 'is it a Heliostat with mirror tokens?'
const NEWLINE = 0x0a

/** A page of the feed has some 500,000 values where each image has all the members and properties that it may. */
const BOUNDS = { values: 600_000, width: 20_000, depth: 500 }

type Body = Response['body']

/** Collects a body of at most so many bytes. One that is longer is cancelled at once. */
export async function readText(body: Body, limit: number): Promise<string> {
  const gathering = createGathering(limit)
  for await (const bytes of body ?? []) gathering.add(bytes)
  return gathering.take()
}

/** A line of a body, and its bytes. */
export interface Line {
  text: string
  bytes: number
}

/** The lines of a body as they come, each of at most so many bytes. */
export async function* readLines(body: Body, limit: number): AsyncGenerator<Line, undefined> {
  const gathering = createGathering(limit)
  for await (const bytes of body ?? []) {
    let start = 0
    // Only what is new is searched, or a line that comes in a million pieces would be searched a million times.
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      gathering.add(bytes.subarray(start, end))
      yield { bytes: gathering.length(), text: gathering.take() }
      start = end + 1
    }
    gathering.add(bytes.subarray(start))
  }
  if (gathering.length() > 0) throw new Error('a snapshot ends in the middle of a record')
}

/** The value that a text stands for; throws a sentence that says where it is not as is wanted. */
export function parseAs<T>(type: z.ZodType<T>, text: string): T {
  const { data, error } = type.safeParse(parseText(text))
  if (error) throw new Error(`refused: ${describeIssue(error)}`)
  return data
}

function parseText(text: string): unknown {
  try {
    return parseBounded(text, BOUNDS)
  } catch (error) {
    throw new Error(`refused: ${reasonOf(error)}`)
  }
}

/** The answer, if it is one [200]; throws a sentence for the operator. */
export function requireOk<T extends { status: number; body?: Body }>(response: T): T {
  if (response.status === 200) return response
  void response.body?.cancel()
  throw new Error(refusal(response.status))
}

function refusal(status: number): string {
  if (status === 401) return 'refuses the token (401): check upstream_token'
  return status >= 500 ? `answers ${status}` : `answers ${status}: ${NO_HELIOSTAT_HINT}`
}
