/** A number of bytes in a header; null for anything else. */
export function bytesIn(text: string | null | undefined): number | null {
  return text && /^\d{1,15}$/.test(text) ? Number(text) : null
}

const PIECE = 256 << 10

/**
 * Bytes as the body of a request, which is to be sent with their Content-Length. No `fetch` takes shared memory: of that
 * a piece at a time is copied.
 */
export function sendable(bytes: Uint8Array): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  const { buffer, byteOffset, length } = bytes
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer, byteOffset, length)
  let sent = 0
  return new ReadableStream(
    {
      pull(controller) {
        const piece = bytes.slice(sent, sent + PIECE)
        sent += piece.length
        if (piece.length > 0) controller.enqueue(piece)
        if (sent === length) controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}
