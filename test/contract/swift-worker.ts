/** The Swift adapter behind HTTP, on workerd and on Deno (`deno serve`). */
import { createSwiftStore } from '../../src/blobs/swift/store.ts'
import { answer, OPTIONS } from './over-http.ts'

const stores = new Map<string, ReturnType<typeof createSwiftStore>>()

const worker = {
  fetch(request: Request): Promise<Response> {
    const options = request.headers.get(OPTIONS) ?? ''
    const store =
      stores.get(options) ?? createSwiftStore(JSON.parse(options), (url, init) => fetch(url, init))
    stores.set(options, store)
    return answer(store, request)
  },
}

export default worker
