import type { Decompressors } from '../../../src/blobs/archive/unpack.ts'

/** As on Workers. */
export const NO_TOOLS: Decompressors = { xz: null, lzma: null, zstd: null, bzip2: null }
