import type { Digester } from '../blobs/digest.ts'
import { HeliostatError } from '../errors.ts'
import { UPLOAD_LEASE_MS } from '../inventory/leases.ts'
import type { Manifests } from '../inventory/manifests.ts'
import type { Copies } from './copies.ts'
import type { LooseObjects } from './loose.ts'

/** What is to be copied where; `url` is null for chunks. */
export interface CopyTarget {
  imageId: string
  store: string
  url: string | null
}

/** A copy that is being written: its row keeps the sweeper off the chunks that it needs. */
export interface BegunCopy extends CopyTarget {
  id: number
  blob: string
}

/** The registry's side of it. */
export interface CopyRows {
  /**
   * 'there': the store has the image. 'busy': somebody copies it there at this moment, or deletes what was there, try
   * again soon. 'gone': the image is deleted. Throws [conflict] for an image without bytes that can be read, and
   * [too-large] where its owner has no space left.
   */
  begin(target: CopyTarget, at: number): Promise<BegunCopy | 'there' | 'busy' | 'gone'>
  /** Whether a sweeper is still removing a chunk of it that nobody needed before. */
  isHeldUp(copy: BegunCopy): Promise<boolean>
  /** Says that the copy is alive; false where there is none any more. */
  heartbeat(copy: BegunCopy): Promise<boolean>
  /** Makes the copy visible; false where the image was deleted, or the copy ended by others. */
  finish(copy: BegunCopy, at: number): Promise<boolean>
  /** False where there is no such copy that is being written. */
  remove(id: number, at: number): Promise<boolean>
  /** As `remove`, unless it has been heard of again by now [false]. */
  removeDead(id: number, at: number): Promise<boolean>
  hasImage(imageId: string): Promise<boolean>
  /** The time by which they are dead, in milliseconds. */
  now(): Promise<number>
  /** Copies whose process has died. */
  dead(): Promise<{ id: number; imageId: string; store: string }[]>
}

export interface CopierParts {
  rows: CopyRows
  copies: Pick<Copies, 'chunk'>
  manifests: Pick<Manifests, 'find'>
  looseObjects: LooseObjects
  digester: Pick<Digester, 'sha256' | 'memory'>
}

export interface CopyOptions {
  /** The stores to read from before all others. */
  prefer?: readonly string[]
  /** Mbit/s at most. */
  rate?: number
  /** Gives the copy up; nothing of it is left then. */
  signal?: AbortSignal
  /** Told how many bytes are done. */
  progress?: (done: number) => void
}

/** For a copy that nobody knows of any more. */
export function endedByOthers({ imageId, store }: BegunCopy): HeliostatError {
  const seconds = UPLOAD_LEASE_MS / 1000
  return new HeliostatError(
    'unavailable',
    `The copy of image ${imageId} into store "${store}" was ended because nothing was heard of it for ${seconds} s: begin it again`,
  )
}
