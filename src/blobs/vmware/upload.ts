import { HeliostatError } from '../../errors.ts'
import { reasonOf } from '../../reason.ts'
import type { ObjectWriter } from '../object-store.ts'
import { attempt, PassingFailure } from '../remote/attempts.ts'
import type { Patience } from '../remote/patience.ts'
import type { FileManager } from './file-manager.ts'
import { createOrderedBody } from './ordered-body.ts'
import { datastorePath, folderPath, type Place, unfinished } from './places.ts'
import type { Session } from './session.ts'

/** A host may take its time to write down what it has been sent. */
const IDLE_MS = 120_000
const TAKEN = [200, 201, 204]

export interface UploadParts {
  session: Session
  files: FileManager
  patience: Patience
  /** Null where there is no file. */
  sizeOf(place: Place): Promise<number | null>
}

/** One request, into a file of another name, which is given its own once it is whole. Begins with the first byte. */
export function createUpload(
  { session, files, patience, sizeOf }: UploadParts,
  place: Place,
  size: number | null,
): ObjectWriter {
  const beside = unfinished(place)
  const name = `${session.server} "${datastorePath(place)}"`
  const stop = new AbortController()
  const body = createOrderedBody(IDLE_MS, () => fail(new Error(`${name} takes no more bytes`)))
  let sending: Promise<void> | null = null
  let mayBeMoved = false

  function fail(reason: Error): void {
    body.fail(reason)
    stop.abort(reason)
  }

  function begin(): Promise<void> {
    const headers = new Headers({ 'Content-Type': 'application/octet-stream' })
    if (size !== null) headers.set('Content-Length', String(size))
    const init = { headers, body: body.stream, signal: stop.signal }
    sending ??= put(session, beside, init).then(body.answered, (error: unknown) => {
      const failure = new Error(`${name} could not be written: ${reasonOf(error)}`)
      fail(failure)
      throw failure
    })
    // Whoever writes or finishes hears of it.
    sending.catch(() => undefined)
    return sending
  }

  async function clear(file: Place): Promise<void> {
    if ((await files.remove(file)) === 'gone') return
    throw new PassingFailure(`${name} is still in use`)
  }

  return {
    async write(offset, bytes) {
      void begin()
      await body.write(offset, bytes)
    },

    async finish(total) {
      const sent = begin()
      body.end(total)
      await sent
      const found = await sizeOf(beside)
      if (found !== total) throw new Error(`${name} has ${found} bytes: wanted ${total}`)
      mayBeMoved = true
      if (await files.move(beside, place)) return
      mayBeMoved = false
      throw new HeliostatError('conflict', 'There is such an image in the store already')
    },

    async abort() {
      fail(new Error(`${name} was given up`))
      await sending?.catch(() => undefined)
      for (const file of mayBeMoved ? [place, beside] : [beside]) {
        await attempt(patience, () => clear(file))
      }
    },
  }
}

async function put(session: Session, place: Place, init: RequestInit): Promise<void> {
  const request = { ...init, method: 'PUT', duplex: 'half' }
  const response = await session.sendOnce(folderPath(place), request)
  await response.body?.cancel()
  if (!TAKEN.includes(response.status)) throw new Error(`status ${response.status}`)
}
