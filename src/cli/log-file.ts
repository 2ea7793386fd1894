import { closeSync, writeSync } from 'node:fs'

/** How long a line waits for others, so that they are written together. */
const WAIT_MS = 200
/** After how long it is tried again where the file cannot be written. */
const RETRY_MS = 1000
/** How much waits at most, also where the disk is full: what comes then is lost, and counted. */
const MOST_WAITING = 1 << 20
const ENOUGH = 64 << 10

/** A file of lines that may be moved away while it is written. */
export interface LogFile {
  /** Writes the line within a moment. Never throws: a full disk is no reason to end. */
  write(line: string): void
  /** Writes what waits. */
  flush(): void
  /** Goes on in a new file of the same name; throws where there can be none, and then goes on in the old one. */
  reopen(): void
}

/** What becomes of a log that cannot be written. */
export interface LogTrouble {
  failing(error: unknown): void
  /** It can be written again, without so many lines. */
  over(lostLines: number): void
}

/** Writes to the file whose descriptor `open` returns. */
export function openLogFile(open: () => number, trouble: LogTrouble): LogFile {
  let file = open()
  let lines: string[] = []
  let waiting = 0
  /** What could not be written: perhaps the end of a line. */
  let rest = Buffer.alloc(0)
  let lost = 0
  let isFailing = false
  let timer: NodeJS.Timeout | null = null

  function write(line: string): void {
    if (waiting + rest.length > MOST_WAITING) {
      lost++
      return
    }
    lines.push(line)
    waiting += line.length
    if (waiting > ENOUGH && !isFailing) flush()
    else timer ??= setTimeout(flush, WAIT_MS).unref()
  }

  function flush(): void {
    if (timer) clearTimeout(timer)
    timer = null
    rest = Buffer.concat([rest, Buffer.from(lines.join(''))])
    lines = []
    waiting = 0
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(file, rest))
    } catch (error) {
      timer = setTimeout(flush, RETRY_MS).unref()
      if (!isFailing) trouble.failing(error)
      isFailing = true
      return
    }
    if (isFailing) recovered()
  }

  function recovered(): void {
    const missing = lost
    isFailing = false
    lost = 0
    if (missing > 0) trouble.over(missing)
  }

  return {
    write,
    flush,
    reopen() {
      flush()
      const next = open()
      closeSync(file)
      file = next
    },
  }
}
