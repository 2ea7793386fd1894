import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

/** Collects what nothing refers to any more. */
const collectGarbage: () => void = runInNewContext('gc')

/** Does so again and again until the function that is returned is called. */
export function keepCollecting(): () => void {
  const timer = setInterval(collectGarbage, 50)
  return () => clearInterval(timer)
}
