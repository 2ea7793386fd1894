import { HeliostatError } from '../../errors.ts'
import { badArchive } from './bad-archive.ts'
import { type ArchiveFormat, MAGIC_SIZE, recogniseArchive } from './format.ts'
import { gunzip } from './gzip.ts'
import { limited, type UnpackLimits } from './limits.ts'
import { peek } from './streams.ts'
import { unzip } from './zip.ts'

type Body = ReadableStream<Uint8Array>

/**
 * Unpacks all of a file: every stream that it consists of, one after the other. A damaged or short one, and what
 * follows it, breaks the stream off [invalid]. Lazy, and cancelled together with its body.
 */
export type Decompress = (body: Body) => Body

/** What is unpacked by programs that a machine has or has not; null where it has none. gzip and zip need none. */
export type Decompressors = Readonly<Record<'xz' | 'lzma' | 'zstd' | 'bzip2', Decompress | null>>

export interface UnpackOptions extends UnpackLimits {
  decompressors: Decompressors
}

export interface Unpacked {
  /** What the body was; null where it is what it was, since that is no archive. */
  archive: ArchiveFormat | null
  body: Body
}

/** Names of the programs that unpack what we do not. */
const PROGRAMS: Record<keyof Decompressors, string> = {
  xz: 'xz',
  lzma: 'xz',
  zstd: 'zstd',
  bzip2: 'bzip2',
}

/**
 * The one file in an archive, which is known by its first bytes, not by what anybody calls it. What is in it is not
 * looked at, so an archive within one stays packed. Only at the end of the stream it is known whether all was right.
 */
export async function unpack(given: Body, options: UnpackOptions): Promise<Unpacked> {
  const { head, body } = await peek(given, MAGIC_SIZE)
  const archive = recogniseArchive(head)
  if (archive === null) return { archive, body }
  try {
    const open = decompressorOf(archive, options.decompressors)
    return { archive, body: limited(body, { format: archive, limits: options, open }) }
  } catch (error) {
    void body.cancel(error).catch(() => undefined)
    throw error
  }
}

function decompressorOf(archive: ArchiveFormat, decompressors: Decompressors): Decompress {
  if (archive === 'gzip') return gunzip
  if (archive === 'zip') return unzip
  if (archive === 'lha') {
    throw badArchive(archive, 'cannot be unpacked here: pack it as gzip, zip, xz, zstd or bzip2')
  }
  const found = decompressors[archive]
  if (found) return found
  throw new HeliostatError(
    'unsupported-media-type',
    `The ${archive} archive cannot be unpacked here without the program ${PROGRAMS[archive]}: install it where this service runs, and restart that, or pack the image as gzip`,
  )
}
