/** Unpacks the body of a request, on workerd and on Deno (`deno serve`): a refusal is 400 and its sentence. */
import { unpack } from '../../../src/blobs/archive/unpack.ts'
import { NO_TOOLS } from './no-tools.ts'

/** All of it is collected first: what is refused at its end would else be an answer that breaks off. */
export default {
  async fetch(request: Request): Promise<Response> {
    const options = { decompressors: NO_TOOLS, maxBytes: 1e9, maxRatio: 100 }
    try {
      const { body } = await unpack(request.body ?? new Blob().stream(), options)
      return new Response(await collect(body))
    } catch (error) {
      return new Response(error instanceof Error ? error.message : 'unknown', { status: 400 })
    }
  },
}

async function collect(body: ReadableStream<Uint8Array>): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  for await (const part of body) parts.push(part.slice())
  return new Blob(parts)
}
