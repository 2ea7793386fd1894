import { getLogger } from '@logtape/logtape'
import { inTime, LATE } from '../../in-time.ts'
import { reasonOf } from '../../reason.ts'

const log = getLogger(['heliostat', 'workers'])

/** What the lead says within the time (ms); a lead that fails is late too, for those who can do without it. */
export function orLate<T>(asked: Promise<T>, milliseconds: number): Promise<T | typeof LATE> {
  const answer = asked.catch((error: unknown): typeof LATE => {
    log.debug('The lead does not help: {reason}', { reason: reasonOf(error) })
    return LATE
  })
  return inTime(answer, milliseconds)
}
