import { inTime, LATE } from '../../in-time.ts'

type InTurn = <T>(patience: number, call: () => Promise<T>) => Promise<T>

/** A thread that waits is missing from the four that read files and resolve names. */
const AT_ONCE = 2

/**
 * Has two calls wait at once that take a thread each; the others come in turn. Where those hang, nobody waits behind
 * them for longer than his patience (ms).
 */
export function createBlockingCalls(): InTurn {
  const queue: (() => void)[] = []
  let running = 0

  async function turn(patience: number): Promise<void> {
    let begin: () => void = () => undefined
    const begun = new Promise<void>((resolve) => {
      begin = resolve
      queue.push(resolve)
    })
    const isLate = (await inTime(begun, patience)) === LATE
    const place = queue.indexOf(begin)
    if (!isLate || place === -1) return
    queue.splice(place, 1)
    throw new Error(`Cannot ask Ceph: other calls have waited for ${patience / 1000} s`)
  }

  return async (patience, call) => {
    if (running < AT_ONCE) running++
    else await turn(patience)
    try {
      return await call()
    } finally {
      const next = queue.shift()
      if (next) next()
      else running--
    }
  }
}
