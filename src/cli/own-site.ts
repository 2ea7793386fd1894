import { readFile } from 'node:fs/promises'
import { codeOf } from '../error-code.ts'
import { ConfigError } from '../errors.ts'
import { operatorTokenFile } from '../runtime/operator-token.ts'
import { type ConfigOptions, readConfig } from './options.ts'
import type { SiteOptions } from './running-site.ts'

/** A site that may be one on this machine, whose data can be found. */
export type OwnSiteOptions = SiteOptions & ConfigOptions

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

/**
 * The mirror token to ask with: the one that is given, or the one that a site on this machine has left in its data. That
 * goes to no other machine, unless the site's data or configuration are named.
 */
export async function findToken(
  options: OwnSiteOptions,
): Promise<Pick<SiteOptions, 'mirrorToken'>> {
  const { url, mirrorToken, dataDir, configFile } = options
  const isNamed = dataDir !== undefined || configFile !== undefined
  if (mirrorToken !== undefined || !(isNamed || isOnThisMachine(url))) return { mirrorToken }
  const { config } = await readConfig(options)
  const path = operatorTokenFile(config)
  try {
    return { mirrorToken: (await readFile(path, 'utf8')).trim() }
  } catch (error) {
    if (!isNamed) return {}
    throw new ConfigError(
      `Cannot read "${path}", which a running site makes for the user who serves: ${codeOf(error)}`,
    )
  }
}

function isOnThisMachine(url: string): boolean {
  return URL.canParse(url) && LOOPBACK.test(new URL(url).hostname)
}
