/** A number of bytes in a header; null for anything else. */
export function bytesIn(text: string | null | undefined): number | null {
  return text && /^\d{1,15}$/.test(text) ? Number(text) : null
}

/** `fetch` takes no bytes of shared memory. */
export function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = bytes
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer, byteOffset, length)
  return new Uint8Array(bytes)
}
