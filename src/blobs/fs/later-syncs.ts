import { basename } from 'node:path'
import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../../reason.ts'
import { syncFile } from './durable.ts'
import { isAbsent } from './open-files.ts'

/** By then the system has begun to write them by itself. */
const AFTER_MS = 5_000

const log = getLogger(['heliostat', 'store'])

/** Files that are synced some time after they were written, one after the other. */
export interface LaterSyncs {
  add(file: string): void
  /** Leaves those that wait to the system. */
  end(): void
}

/** `setAside` is for a file that the disk could not take: what the system still has of it in memory is soon gone. */
export function createLaterSyncs(setAside: (file: string) => Promise<unknown>): LaterSyncs {
  const waiting = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | null = null

  async function sync(file: string): Promise<void> {
    try {
      await syncFile(file)
    } catch (error) {
      if (isAbsent(error)) return
      const reason = reasonOf(error)
      log.error('Chunk {digest} did not reach the disk: {reason}', {
        digest: basename(file),
        reason,
      })
      await setAside(file).catch(() => undefined)
    }
  }

  async function syncAll(): Promise<void> {
    const files = [...waiting]
    waiting.clear()
    for (const file of files) await sync(file)
    timer = null
    if (waiting.size > 0) start()
  }

  function start(): void {
    timer ??= setTimeout(() => void syncAll(), AFTER_MS).unref()
  }

  return {
    add(file) {
      waiting.add(file)
      start()
    },

    end() {
      waiting.clear()
      if (timer !== null) clearTimeout(timer)
    },
  }
}
