import { eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { site } from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'

const KEY = 'scrub'

const document = z.object({ position: z.string(), lost: z.array(z.string()) })

/** What a scrubber must still know after a restart; `save` writes it down. */
export interface ScrubNotes {
  /** The last chunk that was looked at in a round that has not ended; empty between rounds. */
  position: string
  /** Chunks that were found damaged and cannot be had again. */
  readonly lost: Set<string>
  save(): Promise<void>
}

export async function openScrubNotes(registry: Registry): Promise<ScrubNotes> {
  const found = await registry.select().from(site).where(eq(site.key, KEY)).get()
  const saved = found ? document.parse(JSON.parse(found.value)) : { position: '', lost: [] }
  const notes: ScrubNotes = {
    position: saved.position,
    lost: new Set(saved.lost),
    async save() {
      const value = JSON.stringify({ position: notes.position, lost: [...notes.lost] })
      await registry
        .insert(site)
        .values({ key: KEY, value })
        .onConflictDoUpdate({ target: site.key, set: { value: sql`excluded.value` } })
    },
  }
  return notes
}
