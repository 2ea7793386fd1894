import type { Readable, Writable } from 'node:stream'

/** What bytes are sent through: a codec of the runtime, or another process. */
export interface Engine {
  input: Writable
  output: Readable
  /**
   * Asked once, when the output has ended, or failed with `failure`: throws what was wrong with the bytes. `sent` is how
   * many it was given.
   */
  conclude(failure: unknown, sent: number): Promise<void>
  /** It had enough before all bytes were sent. */
  refuseRest(): Error
  /** Ends it at once, whatever it does. */
  kill(): void
}

type Reader = Pick<ReadableStreamDefaultReader<Uint8Array>, 'read' | 'cancel'>

/**
 * What comes out of an engine into which a body is poured. It is started when the first byte is asked for, holds
 * back the body when nobody reads, and is killed when its reader leaves or the body breaks off.
 */
export function through(
  body: ReadableStream<Uint8Array>,
  start: () => Engine,
): ReadableStream<Uint8Array> {
  const reader: Reader = body.getReader()
  let flow: Flow | null = null
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          flow ??= open(reader, start())
          const part = await flow.next()
          if (part) controller.enqueue(part)
          else controller.close()
        } catch (error) {
          flow?.engine.kill()
          void reader.cancel(error).catch(() => undefined)
          throw error
        }
      },
      async cancel(reason) {
        flow?.engine.kill()
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

interface Flow {
  engine: Engine
  /** Null at a good end. */
  next(): Promise<Uint8Array | null>
}

function open(reader: Reader, engine: Engine): Flow {
  const { input, output } = engine
  // One that ends early closes the pipe: whether it may is told by its conclusion.
  input.on('error', () => undefined)
  output.on('error', () => undefined)
  const parts: AsyncIterator<Uint8Array> = output[Symbol.asyncIterator]()
  const pouring = pour(reader, engine)

  return {
    engine,
    async next() {
      const { part, failure } = await parts.next().then(
        ({ done, value }) => ({ part: done ? null : value, failure: null }),
        (error: unknown) => ({ part: null, failure: error }),
      )
      if (part) return part
      if (pouring.broken) throw pouring.broken.error
      await engine.conclude(failure, pouring.sent)
      if (failure) throw failure
      if (!pouring.isDone) throw engine.refuseRest()
      return null
    },
  }
}

interface Pouring {
  sent: number
  /** All bytes were sent, and their end. */
  isDone: boolean
  /** What the body itself has failed with. */
  broken: { error: unknown } | null
}

function pour(reader: Reader, engine: Engine): Pouring {
  const pouring: Pouring = { sent: 0, isDone: false, broken: null }
  void pourAll(reader, engine.input, pouring).catch((error: unknown) => {
    pouring.broken = { error }
    engine.kill()
  })
  return pouring
}

/** Never rejects but with what the body fails with. */
async function pourAll(reader: Reader, input: Writable, pouring: Pouring): Promise<void> {
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    pouring.sent += value.length
    if (!(await write(input, value))) return
  }
  pouring.isDone = true
  input.end()
}

/**
 * Resolves once the bytes are out of our hands, so that no more than one part is waiting, whose memory may then be
 * used again. False where the engine takes no more.
 */
function write(input: Writable, part: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    input.write(part, (error) => resolve(!error))
  })
}
