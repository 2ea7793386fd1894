import { getLogger } from '@logtape/logtape'
import { reasonOf, traceOf } from '../reason.ts'
import type { RunningServer } from '../runtime/node.ts'
import type { Log } from './logging.ts'
import { printError } from './print.ts'

/** Within that time a second signal is the same one: a terminal and npm both pass on the Ctrl-C of a user. */
const SAME_SIGNAL_MS = 500
/** How often it is looked whether npm is still there. */
const LOOK_MS = 500

const log = getLogger(['heliostat', 'serve'])

/**
 * Has signals end a server, which may still be starting, after its requests; a second one ends it at once. Returns what
 * ends it for another reason; for null, one that has been told.
 */
export function stopOnSignals(
  starting: Promise<RunningServer>,
  { reopen, drained }: Log,
): (why: string | null) => void {
  let stoppingSince: number | null = null

  function begin(why: string | null): void {
    if (stoppingSince !== null) return
    stoppingSince = performance.now()
    if (why !== null) log.info('Stopping on {signal}: running requests may end', { signal: why })
    void close(starting, drained)
  }

  function stop(signal: string): void {
    if (stoppingSince === null) begin(signal)
    else if (performance.now() - stoppingSince > SAME_SIGNAL_MS) process.exit(1)
  }

  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', () => {
    if (reopen) reopen()
    // Otherwise it is nothing but the terminal that has been closed.
    else if (process.stderr.isTTY) stop('SIGHUP')
  })
  if (isStartedByNpx(process.env)) onceOrphaned(() => stop('the end of npx'))
  return begin
}

async function close(starting: Promise<RunningServer>, drained: Log['drained']): Promise<void> {
  let code = 0
  try {
    const server = await starting
    await server.close()
  } catch (error) {
    log.error('Not everything could be ended: {reason}', { reason: reasonOf(error) })
    code = 1
  }
  await drained()
  process.exit(code)
}

/** `npx heliostat serve`: npm puts a shell in between, which a signal ends without reaching its child. */
function isStartedByNpx({ npm_lifecycle_event, npm_lifecycle_script = '' }: NodeJS.ProcessEnv) {
  return npm_lifecycle_event === 'npx' && /^\W?heliostat\b[^&;|]*$/.test(npm_lifecycle_script)
}

function onceOrphaned(stop: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    // Its place is taken by init.
    if (process.ppid === parent) return
    clearInterval(timer)
    stop()
  }, LOOK_MS)
  timer.unref()
}

/** What nobody has caught ends the server: with 1, and the place in the log. */
export function endOnMistakes({ reopen }: Log): void {
  function end(error: unknown): void {
    log.fatal('Ended by a mistake in the program: {stack}', { stack: traceOf(error) })
    if (reopen) printError(`Ended by a mistake in the program: ${reasonOf(error)}`)
    process.exit(1)
  }
  process.on('uncaughtException', end)
  process.on('unhandledRejection', end)
}
