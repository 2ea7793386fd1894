import { reasonOf } from '../../reason.ts'
import {
  type ImageRecord,
  imageRecord,
  MAX_RECORD_BYTES,
  type MetadefChanges,
  type SnapshotStart,
  snapshotMetadefs,
  snapshotStart,
} from '../feed/records.ts'
import { type Line, parseAs, readLines } from './documents.ts'

/** Every line but the first, and its bytes. */
export type SnapshotLine = { bytes: number } & (
  | { image: ImageRecord }
  | { metadefs: MetadefChanges }
)

export interface Snapshot {
  start: SnapshotStart
  lines: AsyncIterable<SnapshotLine>
}

/** Reads the first line of a snapshot, and the others as they are wanted. `blame` hears what is wrong with those. */
export async function openSnapshot(
  body: Response['body'],
  blame: (error: unknown) => void,
): Promise<Snapshot> {
  const lines = readLines(body, MAX_RECORD_BYTES)
  try {
    const first = await lines.next()
    const start = parseAs(snapshotStart, first.value?.text ?? '')
    return { start, lines: parseLines(lines, blame) }
  } catch (error) {
    await lines.return(undefined)
    throw error
  }
}

async function* parseLines(
  lines: AsyncIterable<Line>,
  blame: (error: unknown) => void,
): AsyncGenerator<SnapshotLine> {
  let line = 2
  try {
    for await (const { text, bytes } of lines) {
      yield { bytes, ...parseLine(text) }
      line++
    }
  } catch (cause) {
    const error = new Error(`line ${line} of the snapshot: ${reasonOf(cause)}`)
    blame(error)
    throw error
  }
}

function parseLine(text: string): { image: ImageRecord } | { metadefs: MetadefChanges } {
  if (text.startsWith('{"metadefs":')) return parseAs(snapshotMetadefs, text)
  return { image: parseAs(imageRecord, text) }
}
