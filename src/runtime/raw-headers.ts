import type { IncomingMessage } from 'node:http'

/** Every value of a header as it came, in turn; `headers` joins them, or keeps the first. */
export function valuesOf(
  { rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>,
  name: string,
): string[] {
  const wanted = name.toLowerCase()
  // Names and values alternate.
  return rawHeaders.filter(
    (_, index) => rawHeaders[index - 1]?.toLowerCase() === wanted && index % 2 === 1,
  )
}
