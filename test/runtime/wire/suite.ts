/** One conversation with the service as a whole, held on every runtime over a real socket. */
import { after, before, describe } from 'node:test'
import { startBarbican, type TestBarbican } from '../../support/barbican.ts'
import { type FileServer, startFileServer } from '../../support/file-server.ts'
import { createWire } from './client.ts'
import { describeRefusedCreate } from './create-refused.ts'
import { describeCreate } from './create.ts'
import { describeDownload } from './download.ts'
import { describeErrors } from './errors.ts'
import { describeFraming } from './framing.ts'
import { describeHead } from './head.ts'
import { describeImports } from './imports.ts'
import { describeLargeData } from './large-data.ts'
import { describeLifecycle } from './lifecycle.ts'
import { describeList } from './list.ts'
import { describeMembers } from './members.ts'
import { describeDefinitions } from './metadefs.ts'
import { describePatch } from './patch.ts'
import { describeSchemas } from './schemas.ts'
import { describeSignatures } from './signatures.ts'
import { describeTags } from './tags.ts'
import { describeRefusedUpload } from './upload-refused.ts'
import { describeUpload } from './upload.ts'
import { describeVersions } from './versions.ts'

export interface Server {
  url: string
  stop(): Promise<void>
}

/**
 * Runs every exchange against a server of its own, with fresh data, where every caller is an administrator. It is
 * started with options as environment variables.
 */
export function wireSuite(
  name: string,
  start: (options: Record<string, string>) => Promise<Server>,
): void {
  describe(name, () => {
    let server: Server | null = null
    let barbican: TestBarbican | null = null
    let files: FileServer
    const url = (path: string) => `${server?.url}${path}`
    const wire = createWire(url)
    before(async () => {
      ;[barbican, files] = await Promise.all([startBarbican(), startFileServer()])
      server = await start({
        HELIOSTAT_BARBICAN__BARBICAN_ENDPOINT: barbican.url,
        HELIOSTAT_IMAGE_IMPORT_OPTS__IMAGE_IMPORT_PLUGINS: 'image_decompression',
        HELIOSTAT_IMPORT_FILTERING_OPTS__ALLOWED_HOSTS: '127.0.0.1',
        HELIOSTAT_IMPORT_FILTERING_OPTS__ALLOWED_PORTS: new URL(files.url).port,
      })
    })
    after(async () => {
      await server?.stop()
      await barbican?.close()
      await files.close()
    })

    describeVersions(wire)
    describeFraming(wire)
    describeErrors(wire)
    describeCreate(wire)
    describeRefusedCreate(wire)
    describePatch(wire)
    describeTags(wire)
    describeMembers(wire)
    describeList(wire)
    describeSchemas(wire)
    describeDefinitions(wire)
    describeUpload(wire)
    describeRefusedUpload(wire)
    describeSignatures(wire, (id, secret) => barbican?.secrets.set(id, secret))
    describeImports(wire, () => files)
    describeDownload(wire)
    describeHead(wire)
    describeLargeData(wire)
    describeLifecycle(wire)
  })
}
