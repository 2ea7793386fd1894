/** Several workers that serve one site, as a test sees them from outside. */
import type { RunningProcess } from './process.ts'
import { eventually } from './server.ts'

export const TWO_WORKERS = { HELIOSTAT_WORKERS: '2' }

interface Crew {
  lead: number
  other: number
}

/** The processes that serve now, after one of them was killed. */
export function crewOf(server: RunningProcess, killed?: number): Promise<Crew> {
  return eventually('two workers serve', 20_000, () => {
    const living = (said: RegExp) =>
      [...server.log().matchAll(said)]
        .map(([, pid]) => Number(pid))
        .findLast((pid) => pid !== killed && isAlive(pid))
    const lead = living(/Worker (\d+) serves, and is the lead/g)
    const other = living(/Worker (\d+) serves"/g)
    return lead === undefined || other === undefined ? null : { lead, other }
  })
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** A request on a connection of its own, which any of the workers may take. */
export async function ask(url: string, init: RequestInit = {}) {
  const response = await fetch(url, { ...init, headers: { Connection: 'close', ...init.headers } })
  return { status: response.status, text: await response.text() }
}

/** A number of `/metrics`, summed over its labels. */
export async function numberOf(url: string, name: string, labels = ''): Promise<number> {
  const { text } = await ask(`${url}/metrics`)
  const lines = text.split('\n').filter((line) => {
    const [known = ''] = line.split(/[ {]/)
    return known === name && line.includes(labels)
  })
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
