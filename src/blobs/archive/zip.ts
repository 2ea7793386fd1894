import { badArchive } from './bad-archive.ts'
import { type ByteReader, createByteReader } from './byte-reader.ts'
import { gunzip } from './gzip.ts'
import { concatenate, watched } from './streams.ts'
import {
  inconsistent,
  isDescriptorOf,
  MAX_TAIL,
  readDirectory,
  type Tail,
} from './zip-directory.ts'
import { isStreamed, type Member, readFirstMember, STORED } from './zip-member.ts'

/** A member of gzip without name and time. */
const GZIP_HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)
/** The last block of deflated data, with nothing in it. */
const LAST_BLOCK = Uint8Array.of(1, 0, 0, 0xff, 0xff)
const MAX_BLOCK = 0xffff

/**
 * The one file of a zip archive, which is read from its beginning to its end, once. Its data are what a gzip file
 * has too, so they are put between gzip's header and its CRC-32 and size, and zlib unpacks and verifies both.
 */
export function unzip(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const bytes = createByteReader(body)
  const sizes = { unpacked: 0, listed: 0 }
  const parts = gzipOf(bytes, (member) => (sizes.listed = member.size))
  return watched(gunzip(streamOf(parts, bytes), 'zip'), {
    look: ({ length }) => void (sizes.unpacked += length),
    end() {
      // Gzip's own has 32 bits.
      if (sizes.unpacked !== sizes.listed) throw inconsistent()
    },
  })
}

async function* gzipOf(
  bytes: ByteReader,
  tell: (member: Member) => void,
): AsyncGenerator<Uint8Array, void> {
  const first = await readFirstMember(bytes)
  const start = bytes.position()
  const packed = first.method === STORED ? storedBlocks : identity
  yield GZIP_HEADER
  const tail = isStreamed(first)
    ? yield* unknownData(bytes, packed)
    : yield* knownData(bytes, first, packed)
  const { offset, member } = readDirectory(tail)
  const dataEnd = start + member.packedSize
  if (dataEnd < tail.offset || dataEnd > offset) throw inconsistent()
  const between = tail.bytes.subarray(dataEnd - tail.offset, offset - tail.offset)
  if (!isSame(first, member, between)) throw inconsistent()
  const rest = tail.bytes.subarray(0, dataEnd - tail.offset)
  if (rest.length > 0) yield packed(rest)
  if (first.method === STORED) yield LAST_BLOCK
  yield gzipTrailer(member)
  tell(member)
}

/** Whether the directory says of the file what its header says, or the descriptor `between` data and directory. */
function isSame(first: Member, listed: Member, between: Uint8Array): boolean {
  if (first.method !== listed.method) return false
  if (isStreamed(first)) return isDescriptorOf(between, listed)
  const { crc, size, packedSize } = listed
  const isAsBefore = first.crc === crc && first.size === size && first.packedSize === packedSize
  return between.length === 0 && isAsBefore
}

type Pack = (part: Uint8Array) => Uint8Array

async function* knownData(
  bytes: ByteReader,
  { packedSize }: Member,
  packed: Pack,
): AsyncGenerator<Uint8Array, Tail> {
  let missing = packedSize
  while (missing > 0) {
    const part = await bytes.some(missing)
    if (!part) throw badArchive('zip', 'ends early')
    missing -= part.length
    yield packed(part)
  }
  return restOf(bytes)
}

/** Into memory of its own: a body in very small parts would otherwise take a lot for each. */
async function restOf(bytes: ByteReader): Promise<Tail> {
  const offset = bytes.position()
  const rest = new Uint8Array(MAX_TAIL)
  for (let length = 0; ; length = bytes.position() - offset) {
    const part = await bytes.some(MAX_TAIL)
    if (!part) return { offset, bytes: rest.subarray(0, length) }
    if (length + part.length > MAX_TAIL) throw manyFiles()
    rest.set(part, length)
  }
}

/** Where only the directory tells how long they are, the last bytes are kept back until it has come. */
async function* unknownData(bytes: ByteReader, packed: Pack): AsyncGenerator<Uint8Array, Tail> {
  const kept = new Uint8Array(2 * MAX_TAIL)
  let length = 0
  for (;;) {
    const part = await bytes.some(MAX_TAIL)
    if (!part) return { offset: bytes.position() - length, bytes: kept.subarray(0, length) }
    if (length + part.length > kept.length) {
      yield packed(kept.subarray(0, length - MAX_TAIL))
      kept.copyWithin(0, length - MAX_TAIL, length)
      length = MAX_TAIL
    }
    kept.set(part, length)
    length += part.length
  }
}

function manyFiles(): Error {
  return badArchive(
    'zip',
    'holds more than one file, or is followed by bytes that do not belong to it',
  )
}

function identity(part: Uint8Array): Uint8Array {
  return part
}

/** [RFC 1951, 3.2.4](https://www.rfc-editor.org/rfc/rfc1951#section-3.2.4): blocks of bytes as they are, none the last. */
function storedBlocks(part: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = []
  for (let at = 0; at < part.length; at += MAX_BLOCK) {
    const block = part.subarray(at, at + MAX_BLOCK)
    const [low, high] = [block.length & 0xff, block.length >> 8]
    blocks.push(Uint8Array.of(0, low, high, ~low, ~high), block)
  }
  return concatenate(blocks)
}

function gzipTrailer({ crc, size }: Member): Uint8Array {
  const trailer = new Uint8Array(8)
  const view = new DataView(trailer.buffer)
  view.setUint32(0, crc, true)
  // Modulo 2^32, as a DataView cuts it.
  view.setUint32(4, size, true)
  return trailer
}

function streamOf(
  parts: AsyncGenerator<Uint8Array, void>,
  source: Pick<ByteReader, 'cancel'>,
): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await parts.next()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          void source.cancel(error).catch(() => undefined)
          throw error
        }
      },
      cancel: (reason) => source.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
