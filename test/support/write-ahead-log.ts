/** https://www.sqlite.org/fileformat2.html#the_write_ahead_log */
const HEADER = 32
const FRAME_HEADER = 24

/** The bytes of a frame: its header, and a page of the usual size. */
export const FRAME = FRAME_HEADER + 4096

/** Where the last frame of a log begins; behind it may be what is left of an earlier log. */
export function lastFrameOf(log: Buffer): number {
  const salt = log.subarray(16, 24)
  let last = HEADER
  for (let at = HEADER; at + FRAME <= log.length; at += FRAME) {
    if (log.subarray(at + 8, at + 16).equals(salt)) last = at
  }
  return last
}
