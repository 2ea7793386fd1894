/**
 * What workers have counted that cannot be asked any more. Without it every sum would fall with a worker, which
 * Prometheus takes for a restart, and counts all that is left once more.
 */
import type { Numbers } from './calls.ts'

export interface KeptNumbers {
  /** The latest of a worker. */
  note(worker: number, numbers: Numbers): void
  /** The worker counts no more. */
  end(worker: number): void
  /** What ended workers have counted, and those that do not answer, as far as it was told. */
  of(silent: number[]): Numbers
}

export function createKeptNumbers(): KeptNumbers {
  const latest = new Map<number, Numbers>()
  let ended: Numbers = []

  return {
    note: (worker, numbers) => void latest.set(worker, numbers.filter(isCounted)),

    end(worker) {
      ended = addUp(ended, latest.get(worker) ?? [])
      latest.delete(worker)
    },

    of: (silent) => silent.reduce((sum, worker) => addUp(sum, latest.get(worker) ?? []), ended),
  }
}

/** A gauge says how something is, and of what has ended it says nothing. */
function isCounted({ type }: Numbers[number]): boolean {
  return COUNTED.has(String(type))
}

const COUNTED = new Set(['counter', 'histogram'])

function addUp(one: Numbers, other: Numbers): Numbers {
  const found = new Map(one.map((metric) => [metric.name, metric]))
  for (const metric of other) {
    const known = found.get(metric.name)
    found.set(
      metric.name,
      known ? { ...known, values: addValues(known.values, metric.values) } : metric,
    )
  }
  return [...found.values()]
}

type Values = Numbers[number]['values']

function addValues(one: Values, other: Values): Values {
  const sums = new Map(one.map((value) => [keyOf(value), value]))
  for (const value of other) {
    const key = keyOf(value)
    sums.set(key, { ...value, value: value.value + (sums.get(key)?.value ?? 0) })
  }
  return [...sums.values()]
}

/** A histogram has values of several names. */
function keyOf({ metricName = '', labels }: Values[number] & { metricName?: string }): string {
  const pairs = Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return JSON.stringify([metricName, pairs])
}
