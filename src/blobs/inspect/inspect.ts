import { cow } from './cow.ts'
import type { DetectedFormat, Elsewhere, ImageFormat } from './format.ts'
import { gpt } from './gpt.ts'
import { readHead } from './head.ts'
import { iso } from './iso.ts'
import { luks } from './luks.ts'
import { qcow2 } from './qcow2.ts'
import { qed } from './qed.ts'
import { vdi } from './vdi.ts'
import { unsafeVhdFooter, vhd } from './vhd.ts'
import { vhdx } from './vhdx.ts'
import { endsWithFooter, unsafeFooter } from './vmdk-footer.ts'
import { vmdk } from './vmdk.ts'

export type { DetectedFormat } from './format.ts'

export interface Inspection {
  format: DetectedFormat
  /** What else the bytes could be taken for, such as `gpt` for a bootable ISO. */
  alsoMatches: DetectedFormat[]
  /** Bytes as the guest sees them; `null` when the header does not tell. */
  virtualSize: number | null
  /** A sentence saying what is dangerous about the image, or `null`. */
  unsafe: string | null
}

/** Those that can lead a reader to another file. */
const REFERRING: readonly ImageFormat[] = [qcow2, vmdk, vhd, vhdx, vdi, qed, cow]

/** The first match is what the image counts as: iso before gpt, so that a hybrid ISO is an ISO. */
const FORMATS: readonly ImageFormat[] = [...REFERRING, luks, iso, gpt]

/**
 * Tells a disk image's format from its head, of `HEAD_SIZE` or all of a shorter image. Never throws, whatever the
 * bytes. The checks are those of OpenStack's `oslo.utils`, without those of a GPT that are named in `nonfatal`.
 */
export function inspectDiskImage(bytes: Uint8Array, nonfatal: readonly string[] = []): Inspection {
  const head = readHead(bytes)
  const [found, ...others] = FORMATS.filter((format) => format.matches(head))
  if (found === undefined) {
    return { format: 'raw', alsoMatches: [], virtualSize: null, unsafe: null }
  }
  const alsoMatches = others.map((format) => format.name)
  return {
    format: found.name,
    alsoMatches,
    virtualSize: found.virtualSize(head),
    unsafe: unsafeMix(found.name, alsoMatches) ?? found.unsafe(head, nonfatal),
  }
}

/**
 * What is dangerous about content whose format nobody here asks for, such as a kernel or an archive: a reader that
 * probes it, whatever it was declared as, must not be led to another file. Answers like `Inspection.unsafe`.
 */
export function unsafeReference(bytes: Uint8Array): string | null {
  const head = readHead(bytes)
  const dangers = REFERRING.map((format) => (format.matches(head) ? format.unsafe(head, []) : null))
  return dangers.find((danger) => danger !== null) ?? null
}

/** What has to be read as well of an image with this head, once it comes; `null` for nothing. */
export function elsewhereIn(bytes: Uint8Array): Elsewhere | null {
  const head = readHead(bytes)
  // Those that tell something elsewhere begin with different bytes.
  const found = REFERRING.find((format) => format.elsewhere && format.matches(head))
  return found?.elsewhere?.(head) ?? null
}

/**
 * The check that needs the end of the stream, where some formats have their header, or repeat it. `tail` holds the
 * last 1536 bytes, or all of a shorter image; `size` is that of the whole. Answers like `Inspection.unsafe`.
 */
export function inspectTail(head: Uint8Array, tail: Uint8Array, size: number): string | null {
  const [start, end] = [readHead(head), readHead(tail)]
  return (endsWithFooter(start) ? unsafeFooter(start, end, size) : null) ?? unsafeVhdFooter(end)
}

// Two readers could take the same bytes for different disks. Only a bootable ISO does that with
// good reason: its system area holds the partition table of the USB stick it may be written to.
function unsafeMix(first: DetectedFormat, others: DetectedFormat[]): string | null {
  if (others.length === 0 || (first === 'iso' && others.join() === 'gpt')) return null
  return `The image is both ${[first, ...others].join(' and ')}`
}
