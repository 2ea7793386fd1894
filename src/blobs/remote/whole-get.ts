import { reasonOf } from '../../reason.ts'
import { attempt } from './attempts.ts'
import { answers, identity, type RemoteFile, requirePlain, versionOf } from './ranged-get.ts'
import { type Body, bodyOf, type Opened, resumedParts } from './resumed-body.ts'
import { bytesIn } from './wire.ts'

export interface WholeFile {
  /** Bytes; null where the server does not say. */
  size: number | null
  body: Body
}

/**
 * All of a file, of a server that need not know ranges. Where it does, and says which version of the file it sends, the
 * body goes on where its connection broke.
 */
export async function getWhole(file: RemoteFile, signal: AbortSignal): Promise<WholeFile> {
  const stop = new AbortController()
  const leave = () => stop.abort(signal.reason)
  signal.addEventListener('abort', leave)
  if (signal.aborted) leave()
  const open = (offset: number, version: string | null) =>
    attempt(
      file.patience,
      () => openFrom(file, { offset, version, signal: stop.signal }),
      stop.signal,
    )
  const first = await open(0, null)
  const parts = resumedParts(first, {
    offset: 0,
    most: first.etag === null ? 0 : file.patience.attempts,
    open: ({ offset }) => open(offset, first.etag),
    broken: (error) => new Error(`${file.name} broke off: ${reasonOf(error)}`),
    changed: ({ message }) => new Error(`${file.name} ${message}`),
  })
  return { size: first.length, body: bodyOf(parts, stop) }
}

interface Wanted {
  offset: number
  version: string | null
  signal: AbortSignal
}

async function openFrom(file: RemoteFile, { offset, version, signal }: Wanted): Promise<Opened> {
  const headers = identity()
  if (offset > 0) {
    headers.set('Range', `bytes=${offset}-`)
    headers.set('If-Range', version ?? '')
  }
  const response = await file.send('GET', headers, signal)
  try {
    requirePlain(file, response)
    if (response.status !== (offset > 0 ? 206 : 200)) throw refusal(file, response, offset)
    const from = /^bytes (\d+)-/.exec(response.headers.get('Content-Range') ?? '')?.[1] ?? '0'
    if (Number(from) !== offset)
      throw new Error(`${file.name} sends from byte ${from}: wanted ${offset}`)
    const body: Body = response.body ?? new Blob().stream()
    const length = bytesIn(response.headers.get('Content-Length'))
    return { reader: body.getReader(), length, etag: versionOf(response) }
  } catch (error) {
    await response.body?.cancel()
    throw error
  }
}

function refusal(file: RemoteFile, response: Response, offset: number): Error {
  if (offset === 0 || response.status !== 200) return answers(file, response)
  return new Error(`${file.name} has changed while it was read, or cannot be read on`)
}
