/**
 * Milliseconds for the whole answer; or for its head, and then each time for the next `least` bytes of its body (1
 * unless given), so that who sends a byte now and then is given up too.
 */
export type Limit = { total: number } | { head: number; idle: number; least?: number }

type Body = NonNullable<Response['body']>

interface Deadline {
  readonly signal: AbortSignal
  /** Rejects when time is up. */
  readonly passed: Promise<never>
  end(): void
  /** The head has come. */
  beginBody(): void
  /** So many bytes came. Until more is wanted it is the reader who takes his time. */
  rest(bytes: number): void
  expectMore(): void
}

/**
 * The answer to a request, which is given up with a `TimeoutError` when it is late, or when `signal` says so. Node 20
 * loses `AbortSignal.timeout` and `AbortSignal.any` to its garbage collector:
 * https://github.com/nodejs/node/issues/55428
 */
export async function answerWithin(
  limit: Limit,
  send: (signal: AbortSignal) => Promise<Response>,
  signal?: AbortSignal,
): Promise<Response> {
  const deadline = startDeadline(limit, signal)
  try {
    const response = await Promise.race([send(deadline.signal), deadline.passed])
    deadline.beginBody()
    if (response.body) return new Response(watch(response.body, deadline), response)
    deadline.end()
    return response
  } catch (error) {
    deadline.end()
    throw error
  }
}

/** How an answer comes that is not a `Response`. */
export interface Progress {
  /** Aborted when it is given up. */
  readonly signal: AbortSignal
  /** The head has come. */
  begin(): void
  /** So many bytes of the body came. */
  came(bytes: number): void
}

/** The same for what takes in its body by itself, and tells how that comes. */
export async function receivedWithin<T>(
  limit: Limit,
  receive: (progress: Progress) => Promise<T>,
): Promise<T> {
  const deadline = startDeadline(limit)
  const { signal, passed, beginBody, rest, expectMore } = deadline
  const progress = {
    signal,
    begin() {
      beginBody()
      expectMore()
    },
    came(bytes: number) {
      rest(bytes)
      expectMore()
    },
  }
  try {
    return await Promise.race([receive(progress), passed])
  } finally {
    deadline.end()
  }
}

function startDeadline(limit: Limit, signal?: AbortSignal): Deadline {
  const stop = new AbortController()
  const pace = 'idle' in limit ? startPace(limit.idle, limit.least ?? 1) : null
  let timer: ReturnType<typeof setTimeout> | undefined

  const leave = () => stop.abort(signal?.reason)
  const passed = new Promise<never>((_resolve, reject) => {
    stop.signal.addEventListener('abort', () => {
      end()
      reject(stop.signal.reason)
    })
  })

  function wait(milliseconds: number, late: () => string): void {
    timer = setTimeout(() => stop.abort(new DOMException(late(), 'TimeoutError')), milliseconds)
  }

  function end(): void {
    clearTimeout(timer)
    signal?.removeEventListener('abort', leave)
  }

  const whole = 'idle' in limit ? limit.head : limit.total
  wait(whole, () => `no ${pace ? '' : 'whole '}answer within ${whole / 1000} s`)
  signal?.addEventListener('abort', leave)
  if (signal?.aborted) leave()
  return {
    signal: stop.signal,
    passed,
    end,

    beginBody() {
      if (pace) clearTimeout(timer)
    },

    rest(bytes) {
      if (!pace) return
      clearTimeout(timer)
      pace.came(bytes)
    },

    expectMore() {
      if (pace) wait(pace.left(), pace.describe)
    },
  }
}

/** Every `idle` milliseconds in which bytes are waited for have to bring `least` of them. */
function startPace(idle: number, least: number) {
  let left = idle
  let bytes = 0
  let waitingSince = 0

  return {
    left(): number {
      waitingSince = performance.now()
      return left
    },

    came(more: number): void {
      left = Math.max(0, left - (performance.now() - waitingSince))
      bytes += more
      if (bytes < least) return
      left = idle
      bytes = 0
    },

    describe: () =>
      bytes === 0
        ? `nothing came for ${idle / 1000} s`
        : `only ${bytes} bytes came in ${idle / 1000} s, wanted ${least}`,
  }
}

/** The same bytes. Cancels the body itself when time is up, since the request may no longer hear of it. */
function watch(body: Body, deadline: Deadline): Body {
  const reader = body.getReader()
  return new ReadableStream(
    {
      start(controller) {
        deadline.passed.catch(async (reason: unknown) => {
          controller.error(reason)
          await reader.cancel(reason).catch(() => undefined)
        })
      },

      async pull(controller) {
        deadline.expectMore()
        try {
          const { done, value } = await reader.read()
          deadline.rest(value?.byteLength ?? 0)
          if (deadline.signal.aborted) return
          if (!done) return controller.enqueue(value)
        } catch (error) {
          deadline.end()
          throw error
        }
        deadline.end()
        controller.close()
      },

      cancel(reason) {
        deadline.end()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
