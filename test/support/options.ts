/** Options that many a site is given, as sections of its configuration. */
import type { RawConfig } from '../../src/config.ts'

/** Callers are who their headers say they are: see `asCaller`. */
export const TRUSTED = { paste_deploy: { flavor: 'trusted' } }

/** Chunks of 1 MiB, of which a small image has several. */
export const SMALL_CHUNKS = { heliostat: { chunk_size: '1MB' } }

/** The same options as the environment variables of a process. */
export function environmentOf(raw: RawConfig): Record<string, string> {
  return Object.fromEntries(
    Object.entries(raw).flatMap(([section, options]) =>
      Object.entries(options).map(([option, value]) => [
        `HELIOSTAT_${section}__${option}`.toUpperCase(),
        value,
      ]),
    ),
  )
}
