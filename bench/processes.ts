/** What processes cost, by /proc: a service may be several of them. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
const KIB = 1024

interface Stat {
  pid: number
  parent: number
  /** Seconds of its own, and of children that have ended and been waited for. */
  cpu: number
}

/** Reads `/proc/PID/stat`; null once the process has gone. */
function readStat(pid: number): Stat | null {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return null
  }
  return parseStat(text)
}

/** The name of a process is in brackets, and may hold blanks and brackets itself. */
export function parseStat(text: string): Stat {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  return {
    pid: Number.parseInt(text, 10),
    parent: Number(fields[1]),
    cpu: ticks / TICKS_PER_SECOND,
  }
}

/** The processes and all that they have started, as far as they are there. */
function family(roots: number[]): Stat[] {
  const all = readdirSync('/proc').flatMap((name) =>
    /^\d+$/.test(name) ? (readStat(Number(name)) ?? []) : [],
  )
  const members = new Set(roots)
  // A child may have a smaller number than its parent.
  for (let before = -1; before < members.size;) {
    before = members.size
    for (const { pid, parent } of all) if (members.has(parent)) members.add(pid)
  }
  return all.filter(({ pid }) => members.has(pid))
}

/** CPU seconds of the processes and their descendants until now. */
export function cpuSeconds(roots: number[]): number {
  return family(roots).reduce((sum, { cpu }) => sum + cpu, 0)
}

export interface Memory {
  /** Bytes, with what is shared counted in each process. */
  rss: number
  /** Bytes, with what is shared divided among those who share it. */
  pss: number
}

/** Memory of the processes and their descendants at this moment. */
export function memoryOf(roots: number[]): Memory {
  const total = { rss: 0, pss: 0 }
  for (const { pid } of family(roots)) {
    let text: string
    try {
      text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    } catch {
      continue
    }
    const bytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * KIB
    total.rss += bytes('Rss')
    total.pss += bytes('Pss')
  }
  return total
}
