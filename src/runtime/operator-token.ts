import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getLogger } from '@logtape/logtape'
import { makeFolders, writeWhole } from '../blobs/fs/durable.ts'
import type { Config } from '../config.ts'
import { reasonOf } from '../reason.ts'

/** Only who serves may read it: not even the group, which may read the images. */
const MODE = 0o600
const TOKEN = /^[0-9a-f]{64}\n$/

const log = getLogger(['heliostat', 'serve'])

/** Where the token of those lies who look after a site on its own machine. */
export function operatorTokenFile({ heliostat }: Config): string {
  return join(heliostat.data_dir, 'operator-token')
}

/**
 * The token that opens `/mirror/v1/status` and nothing else, in a file for whoever may read the data of the site: removing
 * it, and a restart, make another. Null where it cannot be written.
 */
export async function makeOperatorToken(config: Config): Promise<string | null> {
  const file = operatorTokenFile(config)
  // Several processes may serve the same data.
  const known = await readFile(file, 'utf8').catch(() => '')
  if (TOKEN.test(known)) return known.trim()
  const token = randomBytes(32).toString('hex')
  try {
    await makeFolders(config.heliostat.data_dir)
    await writeWhole(file, new TextEncoder().encode(`${token}\n`), MODE)
    return token
  } catch (error) {
    log.warn('heliostat mirror status needs one of the [mirror] tokens: {reason}', {
      reason: reasonOf(error),
    })
    return null
  }
}
