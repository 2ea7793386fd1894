/** What one process does for all that share a registry, such as the nodes of an origin. */
import { getLogger } from '@logtape/logtape'
import { and, eq, sql } from 'drizzle-orm'
import { site } from '../../schema/tables.ts'
import { affectedRows, type Registry } from './database.ts'
import { databaseTime } from './database-time.ts'

const log = getLogger(['heliostat', 'duty'])

/** How long a duty stays with a process that is not heard of any more. */
const LEASE_MS = 15_000

export interface Duty {
  /** Takes it where nobody has it, or keeps it; to be called well within 15 s again. Tells whether it is this process's. */
  hold(): Promise<boolean>
  /** As of the last time it was held: for what is only wasted when two do it. */
  isOurs(): boolean
  /** Gives it to whoever asks next, and takes it no more. */
  release(): Promise<void>
}

/** An embedded registry has one process, whose every duty is. Others go by the database's time, so clocks may differ. */
export function openDuty(registry: Registry, name: string): Duty {
  if (registry.$client.protocol === 'file') return ALONE
  const key = `duty:${name}`
  const holder = crypto.randomUUID()
  const value = sql`json_object('holder', ${holder}, 'until', ${databaseTime} + ${LEASE_MS})`
  const isHolder = sql`${site.value}->>'holder' = ${holder}`
  const isFree = sql`${site.value}->>'until' NOT BETWEEN ${databaseTime} AND ${databaseTime} + ${LEASE_MS}`
  let isOurs = false
  let isOver = false
  let holding: Promise<boolean> = Promise.resolve(false)

  async function take(): Promise<boolean> {
    const taken = await registry
      .insert(site)
      .values({ key, value })
      .onConflictDoUpdate({
        target: site.key,
        set: { value: sql`excluded.value` },
        setWhere: sql`${isHolder} OR ${isFree}`,
      })
    return affectedRows(taken) === 1
  }

  async function hold(): Promise<boolean> {
    const wasOurs = isOurs
    try {
      isOurs = await take()
    } catch (error) {
      isOurs = false
      throw error
    }
    if (isOurs && !wasOurs) log.info("The {name} is this process's to do", { name })
    return isOurs
  }

  return {
    async hold() {
      if (isOver) return false
      return (holding = hold())
    },

    isOurs: () => isOurs && !isOver,

    async release() {
      isOver = true
      await holding.catch(() => false)
      await registry.delete(site).where(and(eq(site.key, key), isHolder))
    },
  }
}

/** The duty of a process beside which there is another one on this machine that has it. */
export const NOT_OURS: Duty = {
  hold: async () => false,
  isOurs: () => false,
  release: async () => undefined,
}

const ALONE: Duty = {
  hold: async () => true,
  isOurs: () => true,
  release: async () => undefined,
}
