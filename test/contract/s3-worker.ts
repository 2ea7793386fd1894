/** The S3 adapter behind HTTP, on workerd and on Deno (`deno serve`). */
import { createS3Store } from '../../src/blobs/s3/store.ts'
import { handlerFor } from './over-http.ts'

export default handlerFor(createS3Store)
