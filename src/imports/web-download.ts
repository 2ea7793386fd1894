import { FILE_PATIENCE } from '../blobs/remote/attempts.ts'
import { webFile } from '../blobs/remote/web-file.ts'
import { getWhole } from '../blobs/remote/whole-get.ts'
import { HeliostatError } from '../errors.ts'
import type { Fetch } from '../http/fetch.ts'
import { verified } from './hash.ts'
import type { WebDownload } from './request.ts'
import { NOTHING, type Source } from './source.ts'

/** Opens what a user has named, which `fetch` refuses where it may not be reached. */
export async function openWebDownload(
  fetch: Fetch,
  { uri, hash }: WebDownload,
  signal: AbortSignal,
): Promise<Source> {
  const { size, body } = await getWhole(webFile(uri, fetch, FILE_PATIENCE), signal)
  return { size, body: hash ? verified(body, hash) : body, ...NOTHING }
}

/** Refuses before anything is sent what the filter would [400]; `what` is the import's kind. */
export function refuseUnfiltered(
  filter: { check(url: string): URL },
  uri: string,
  what = 'web-download',
): void {
  try {
    filter.check(uri)
  } catch (error) {
    if (!(error instanceof HeliostatError)) throw error
    throw new HeliostatError(
      'invalid',
      `URI for ${what} does not pass filtering: ${uri} (${error.message})`,
    )
  }
}
