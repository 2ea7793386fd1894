import type { Inspection } from './inspect.ts'

const ENFORCED: ReadonlySet<string> = new Set([
  'qcow2',
  'iso',
  'vhd',
  'vdi',
  'vhdx',
  'vmdk',
  'gpt',
  'luks',
])
/** Kernels and such: their content is nobody's disk. */
export const NO_DISKS: ReadonlySet<string> = new Set(['ami', 'ari', 'aki', 'ploop'])
const STREAM_SIZED: ReadonlySet<string> = new Set(['raw', 'gpt', 'luks'])

/** Whether the content contradicts `disk_format`. Anything may be uploaded as raw. */
export function formatMismatch(declared: string, inspection: Inspection): boolean {
  return ENFORCED.has(declared) && inspection.format !== declared
}

/** `virtual_size` of an image of `size` bytes, `null` where Glance leaves it unset. */
export function virtualSizeOf(
  declared: string | null,
  inspection: Inspection,
  size: number,
): number | null {
  if (size === 0) return null
  if (declared === 'raw') return size
  if (declared !== null && (NO_DISKS.has(declared) || formatMismatch(declared, inspection))) {
    return null
  }
  return STREAM_SIZED.has(inspection.format) ? size : inspection.virtualSize
}
