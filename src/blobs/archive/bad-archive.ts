import { HeliostatError } from '../../errors.ts'
import type { ArchiveFormat } from './format.ts'

/** What is wrong with an archive [400], such as `ends early`. */
export function badArchive(format: ArchiveFormat, what: string): HeliostatError {
  return new HeliostatError('invalid', `The ${format} archive ${what}`)
}
