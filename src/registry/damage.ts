import { getLogger } from '@logtape/logtape'
import { codeOf } from '../error-code.ts'
import { reasonOf } from '../reason.ts'
import type { Registry } from './database.ts'
import { findValue, forgetValues, setValues } from './site-values.ts'

const KEY = 'damage'

const log = getLogger(['heliostat', 'registry'])

/** Whether the database was found to be damaged, until the operator says that it is well again. */
export interface Damage {
  /** What was found; null for nothing. */
  found(): string | null
  /** Notes what was found, also for the time after a restart. The first finding is the one that is told. */
  note(what: string): Promise<void>
  /** Another process has noted what it has found. */
  heard(what: string): void
}

/** `tell` is called with what is noted. */
export async function openDamage(
  registry: Registry,
  tell: (what: string) => void = () => undefined,
): Promise<Damage> {
  let known = await findValue(registry, KEY)

  return {
    found: () => known,
    heard: (what) => void (known ??= what),

    async note(what) {
      if (known !== null) return
      known = what
      tell(what)
      log.error('The database is damaged: {what}. Restore it from a backup', { what })
      await setValues(registry, { [KEY]: what }).catch((error: unknown) => {
        log.error('Cannot write down that it is damaged: {reason}', { reason: reasonOf(error) })
      })
    },
  }
}

/** Forgets what was found: the operator has seen to it. */
export async function forgetDamage(registry: Registry): Promise<void> {
  await forgetValues(registry, [KEY])
}

/** Whether a database's error says that its file is not what it was. */
export function isDamage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error)) || isDamage(error.cause)
}
