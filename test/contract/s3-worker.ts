/** The S3 adapter behind HTTP, on workerd and on Deno (`deno serve`). */
import { createS3Store } from '../../src/blobs/s3/store.ts'
import { answer, OPTIONS } from './over-http.ts'

const stores = new Map<string, ReturnType<typeof createS3Store>>()

const worker = {
  fetch(request: Request): Promise<Response> {
    const options = request.headers.get(OPTIONS) ?? ''
    const store =
      stores.get(options) ?? createS3Store(JSON.parse(options), (url, init) => fetch(url, init))
    stores.set(options, store)
    return answer(store, request)
  },
}

export default worker
