type Body = ReadableStream<Uint8Array>

/** The first bytes of a body, as many as are asked for or all of a shorter one, and the body with them. */
export async function peek(body: Body, length: number): Promise<{ head: Uint8Array; body: Body }> {
  const reader = body.getReader()
  let head = new Uint8Array() as Uint8Array
  while (head.length < length) {
    const { done, value } = await reader.read()
    if (done) break
    // A part's memory may be used again for the next one.
    const isEnough = head.length === 0 && value.length >= length
    head = isEnough ? value : concatenate([head, value])
  }
  let first: Uint8Array | null = head.length > 0 ? head : null
  const whole: Body = new ReadableStream(
    {
      async pull(controller) {
        const part = first ?? (await reader.read()).value
        first = null
        if (part) controller.enqueue(part)
        else controller.close()
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  return { head, body: whole }
}

export interface Watch {
  /** What it throws breaks the stream off, and cancels its source. */
  look(part: Uint8Array): void
  /** Likewise, where the source has ended well. */
  end?(): void
}

/** The same bytes, looked at one part after the other before they are passed on. */
export function watched(body: Body, { look, end }: Watch): Body {
  const reader = body.getReader()
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await reader.read()
        try {
          if (done) end?.()
          else look(value)
        } catch (error) {
          void reader.cancel(error).catch(() => undefined)
          throw error
        }
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}
