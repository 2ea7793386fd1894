/** The Swift adapter behind HTTP, on workerd and on Deno (`deno serve`). */
import { createSwiftStore } from '../../src/blobs/swift/store.ts'
import { handlerFor } from './over-http.ts'

export default handlerFor(createSwiftStore)
