/**
 * What SQLite does not tell: it reads its write-ahead log up to the first frame that is not whole, and takes that for
 * its end. https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'

const HEADER = 32
const FRAME_HEADER = 24
/** With the lowest bit set the checksums are of big-endian words. */
const MAGIC = 0x377f0682

type Sums = [number, number]

/** What another process was writing in the moment of the first look is whole after it. */
const SECOND_LOOK_MS = 100

/**
 * How many frames of a log are lost, since they or one before them are damaged; 0 also where there is no log. Damage of
 * the very last frame is not seen: it looks as what a process leaves that is killed while it writes.
 */
export async function lostFrames(path: string): Promise<number> {
  if ((await lookForLost(path)) === 0) return 0
  await setTimeout(SECOND_LOOK_MS)
  return lookForLost(path)
}

async function lookForLost(path: string): Promise<number> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0))
  if (bytes.length < HEADER) return 0
  const log = readLog(bytes)
  let sums = log && sumUp(log, bytes.subarray(0, 24), [0, 0])
  if (!log || !sums || !matches(sums, bytes, 24)) return countFrames(bytes)
  for (let frame = 0; frame < log.frames; frame++) {
    const at = frameAt(log, frame)
    sums = sumUp(log, bytes.subarray(at, at + 8), sums)
    sums = sumUp(log, bytes.subarray(at + FRAME_HEADER, at + log.frameSize), sums)
    if (!hasSalt(log, at) || !matches(sums, bytes, at + 16)) return countLost(log, frame)
  }
  return 0
}

interface Log {
  bytes: Buffer
  isBigEndian: boolean
  frameSize: number
  frames: number
}

function readLog(bytes: Buffer): Log | null {
  const magic = bytes.readUInt32BE(0)
  const pageSize = bytes.readUInt32BE(8)
  if ((magic & ~1) !== MAGIC || pageSize < 512 || pageSize > 65_536) return null
  const frameSize = FRAME_HEADER + pageSize
  const frames = Math.floor((bytes.length - HEADER) / frameSize)
  return { bytes, isBigEndian: (magic & 1) === 1, frameSize, frames }
}

function sumUp({ isBigEndian }: Log, bytes: Buffer, [first, second]: Sums): Sums {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < bytes.length; at += 8) {
    first = (first + view.getUint32(at, !isBigEndian) + second) >>> 0
    second = (second + view.getUint32(at + 4, !isBigEndian) + first) >>> 0
  }
  return [first, second]
}

function matches([first, second]: Sums, bytes: Buffer, at: number): boolean {
  return bytes.readUInt32BE(at) === first && bytes.readUInt32BE(at + 4) === second
}

function frameAt({ frameSize }: Log, frame: number): number {
  return HEADER + frame * frameSize
}

/** Such a frame tells the size of the database. */
function isCommit({ bytes }: Log, at: number): boolean {
  return bytes.readUInt32BE(at + 4) !== 0
}

/** Whether a frame is of this log. What was there before it was begun anew has other salt. */
function hasSalt({ bytes }: Log, at: number): boolean {
  return bytes.compare(bytes, 16, 24, at + 8, at + 16) === 0
}

/**
 * From a frame that is not whole up to the last one that commits. Without one behind it nothing is lost: then a process
 * was killed in its transaction, of which the frames stay that no later transaction has written over.
 */
function countLost(log: Log, from: number): number {
  const rest = Array.from({ length: log.frames - from }, (_, index) => from + index)
  const ours = rest.filter((frame) => hasSalt(log, frameAt(log, frame)))
  const last = ours.findLastIndex((frame) => isCommit(log, frameAt(log, frame)))
  return ours[last] === from ? 0 : last + 1
}

/** Of a log whose header is damaged: by the page size that SQLite usually has. */
function countFrames(bytes: Buffer): number {
  return Math.ceil((bytes.length - HEADER) / (FRAME_HEADER + 4096))
}
