const WIDTH = 24
const REDRAW_MS = 100

export interface Progress {
  /** `done` of `total`, and what to say of it. */
  show(done: number, total: number, text: string): void
  /** Takes the bar off the screen, so that what is printed next stands alone. */
  end(): void
}

type Terminal = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'write'>

/** A bar in the last line of a terminal. Where stderr is none, nothing is written. */
export function createProgress(stream: Terminal = process.stderr): Progress {
  let drawnAt = 0
  return {
    show(done, total, text) {
      const now = performance.now()
      if (!stream.isTTY || now - drawnAt < REDRAW_MS) return
      drawnAt = now
      const part = total > 0 ? Math.min(done / total, 1) : 1
      const bar = '█'.repeat(Math.floor(part * WIDTH)).padEnd(WIDTH, '░')
      const line = `${bar} ${String(Math.floor(part * 100)).padStart(3)} %  ${text}`
      stream.write(`\r${line.slice(0, (stream.columns || 80) - 1)}\x1b[K`)
    },
    end() {
      if (stream.isTTY) stream.write('\r\x1b[K')
    },
  }
}

export interface Transfer {
  /** Bytes. */
  done: number
  total: number
  /** What had been done before, and the time at the start in milliseconds of `performance.now()`. */
  before: number
  startedAt: number
}

/** Bytes done of all, how fast, and how long it will take at this pace. */
export function transferText({ done, total, before, startedAt }: Transfer): string {
  const seconds = (performance.now() - startedAt) / 1000
  const speed = seconds > 0 ? (done - before) / seconds : 0
  const left = speed > 0 ? formatSeconds((total - done) / speed) : '–'
  return `${formatBytes(done)} of ${formatBytes(total)}  ${(speed / 1e6).toFixed(0)} MB/s  ${left} left`
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

export function formatBytes(bytes: number): string {
  const power = Math.min(bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10), UNITS.length - 1)
  const value = bytes / 1024 ** power
  return `${value.toFixed(power === 0 || value >= 100 ? 0 : 1)} ${UNITS[power]}`
}

export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3600)} h`
}
