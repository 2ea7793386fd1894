import { getLogger } from '@logtape/logtape'
import { z } from 'zod'
import type { ScrubNotes } from '../blobs/local/scrub.ts'
import type { Registry } from '../registry/database.ts'
import { findValue, setValues } from '../registry/site-values.ts'

const KEY = 'scrub'

const document = z.object({ position: z.string(), lost: z.array(z.string()) })
type Saved = z.output<typeof document>

const NOTHING: Saved = { position: '', lost: [] }

const log = getLogger(['heliostat', 'scrub'])

/** What was noted of a store before the last restart; without a name it is the one that is written by default. */
export async function openScrubNotes(registry: Registry, store = ''): Promise<ScrubNotes> {
  const key = store === '' ? KEY : `${KEY}:${store}`
  const notes: ScrubNotes = {
    position: '',
    lost: new Set(),
    async save() {
      const value = JSON.stringify({ position: notes.position, lost: [...notes.lost] })
      await setValues(registry, { [key]: value })
    },
    async load() {
      const found = await findValue(registry, key)
      const { position, lost } = found === null ? NOTHING : read(found)
      notes.position = position
      for (const digest of lost) notes.lost.add(digest)
    },
  }
  await notes.load()
  return notes
}

/** Notes that a disk has changed are as good as none: the next round finds what they told of. */
function read(text: string): Saved {
  try {
    return document.parse(JSON.parse(text))
  } catch {
    log.error('What the scrubber noted cannot be read: it begins anew')
    return NOTHING
  }
}
