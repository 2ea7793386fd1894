import type { IncomingMessage } from 'node:http'

/** Parts, of 64 KiB at the most, that are read ahead of whoever takes them. */
const AHEAD = 4

/**
 * The body of a request as it comes in. Node's own `Readable.toWeb` copies each part, which is most of what an upload
 * costs the event loop.
 */
export function bodyStream(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  let isOver = false
  const source: UnderlyingDefaultSource<Uint8Array> = {
    start(controller) {
      incoming.on('data', (part: Buffer) => {
        if (isOver) return
        controller.enqueue(part)
        if ((controller.desiredSize ?? 0) <= 0) incoming.pause()
      })
      incoming.once('end', () => {
        if (isOver) return
        isOver = true
        controller.close()
      })
      const breakOff = (error?: Error) => {
        if (isOver) return
        isOver = true
        controller.error(error ?? new Error('The connection was closed'))
      }
      incoming.once('error', breakOff)
      incoming.once('close', () => breakOff())
      incoming.pause()
    },
    pull: () => void incoming.resume(),
    cancel() {
      isOver = true
      incoming.destroy()
    },
  }
  return new ReadableStream(source, { highWaterMark: AHEAD })
}
