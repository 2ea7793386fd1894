/** Milliseconds for the whole answer; or for its head, and then each time for what comes next of its body. */
export type Limit = { total: number } | { head: number; idle: number }

type Body = NonNullable<Response['body']>
type Deadline = ReturnType<typeof startDeadline>

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
    deadline.rest()
    if (response.body) return new Response(watch(response.body, deadline), response)
    deadline.end()
    return response
  } catch (error) {
    deadline.end()
    throw error
  }
}

function startDeadline(limit: Limit, signal?: AbortSignal) {
  const stop = new AbortController()
  const idle = 'idle' in limit ? limit.idle : null
  let timer: ReturnType<typeof setTimeout> | undefined

  const leave = () => stop.abort(signal?.reason)
  const passed = new Promise<never>((_resolve, reject) => {
    stop.signal.addEventListener('abort', () => {
      end()
      reject(stop.signal.reason)
    })
  })

  function wait(milliseconds: number): void {
    const what = idle === null ? 'no whole answer within' : 'nothing came for'
    const late = new DOMException(`${what} ${milliseconds / 1000} s`, 'TimeoutError')
    timer = setTimeout(() => stop.abort(late), milliseconds)
  }

  function end(): void {
    clearTimeout(timer)
    signal?.removeEventListener('abort', leave)
  }

  wait('idle' in limit ? limit.head : limit.total)
  signal?.addEventListener('abort', leave)
  if (signal?.aborted) leave()
  return {
    signal: stop.signal,
    /** Rejects when time is up. */
    passed,
    end,

    /** Something came. Until more is wanted it is the reader who takes his time. */
    rest(): void {
      if (idle !== null) clearTimeout(timer)
    },

    expectMore(): void {
      if (idle !== null) wait(idle)
    },
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
          deadline.rest()
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
