/** Unpacks what it reads with the programs of this machine, and writes what comes out. */
import { stdin, stdout } from 'node:process'
import { Readable } from 'node:stream'
import { unpack } from '../../../src/blobs/archive/unpack.ts'
import { HeliostatError } from '../../../src/errors.ts'
import { findDecompressors } from '../../../src/runtime/decompressors.ts'

const given = Readable.toWeb(stdin) as ReadableStream<Uint8Array>
const decompressors = await findDecompressors()
try {
  const { body } = await unpack(given, { decompressors, maxBytes: 1e9, maxRatio: 1000 })
  for await (const part of body) {
    await new Promise<void>((resolve) => stdout.write(part, () => resolve()))
  }
} catch (error) {
  if (!(error instanceof HeliostatError)) throw error
  console.error(`[${error.code}] ${error.message}`)
}
