/** What the system says of files and folders, as an operator can mend it. */
import process from 'node:process'
import { codeOf } from '../error-code.ts'
import { reasonOf } from '../reason.ts'

const REASONS: Record<string, string> = {
  ENOENT: 'it is not there',
  EISDIR: 'it is a folder, wanted a file',
  ENOTDIR: 'what stands above it is a file, wanted folders',
  EEXIST: 'it is a file, wanted a folder',
  EACCES: `${whoThisIs()} may not: change its owner or its mode`,
  EPERM: 'the system forbids it there',
  EROFS: 'its file system is read-only',
  ENOSPC: 'its disk is full',
  EDQUOT: 'its disk quota is used up',
}

/** Why a file or a folder could not be read, written or made; what follows "cannot …: ". */
export function whyNot(error: unknown): string {
  return REASONS[codeOf(error)] ?? reasonOf(error)
}

function whoThisIs(): string {
  return `the user with the id ${process.getuid?.() ?? 'unknown'}`
}
