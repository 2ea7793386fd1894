import type { OvaWalker } from './ova.ts'
import { concatenate } from './stretch.ts'
import { BLOCK, hasChecksum } from './tar-header.ts'

/** Looks for a tar in what does not begin as one: GNU's goes on to the first header that it finds. */
export function createTarSearch(found: () => never): OvaWalker {
  let rest: Uint8Array = new Uint8Array()
  return {
    take(chunk) {
      // All but the last chunk end with a block, so that hardly anything is copied.
      const bytes = rest.length === 0 ? chunk : concatenate(rest, chunk)
      const end = bytes.length - (bytes.length % BLOCK)
      for (let at = 0; at < end; at += BLOCK) if (hasChecksum(bytes, at)) found()
      rest = bytes.slice(end)
    },
    finish() {},
  }
}
