import { readFileSync, statSync } from 'node:fs'
import { getLogger } from '@logtape/logtape'
import { ConfigError } from '../errors.ts'
import type { Policy } from '../identity/policy.ts'
import { type LoadedPolicy, loadPolicy } from '../identity/policy-overrides.ts'
import { whyNot } from './file-mistakes.ts'

const log = getLogger(['heliostat', 'policy'])

/**
 * The rules of a policy file, and of the file that it has become meanwhile: every check looks whether it has changed.
 * While it is gone or has mistakes the rules stay as they were. `used` are the names that are asked for from elsewhere.
 */
export function openPolicyFile(path: string, used: readonly string[]): Policy {
  let stamp = stampOf(path)
  let current = read(path, used).policy

  function refreshed(): Policy {
    const now = stampOf(path)
    if (now === stamp) return current
    stamp = now
    if (now === null) {
      log.error('Policy file {path} is gone or empty: its last rules stay in force', { path })
      return current
    }
    try {
      current = read(path, used).policy
      log.info('Policy file {path} has changed: its rules are in force', { path })
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      log.error('Policy file has mistakes, the rules before stay in force: {mistakes}', {
        mistakes: error.message,
      })
    }
    return current
  }

  return {
    isAllowed: (action, caller, target) => refreshed().isAllowed(action, caller, target),
    holds: (rule, caller) => refreshed().holds(rule, caller),
    has: (rule) => refreshed().has(rule),
  }
}

/** Reads a policy file that the configuration names, and logs what in it has no effect. */
function read(path: string, used: readonly string[]): LoadedPolicy {
  const loaded = readPolicyFile(path, used, '[oslo_policy] policy_file ')
  for (const warning of loaded.warnings) log.warn(warning)
  return loaded
}

/** Throws a ConfigError that lists all mistakes; `prefix` stands before the file's name in each. */
export function readPolicyFile(path: string, used: readonly string[], prefix = ''): LoadedPolicy {
  const file = `${prefix}${path}`
  return loadPolicy({ file, text: readText(file, path) }, used)
}

/** The text of a file that an operator names; `file` is what a ConfigError calls it. */
export function readText(file: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`${file}: cannot read it: ${whyNot(error)}`)
  }
}

/** Differs whenever the file does; null while it is gone, or empty as files are that are about to be written. */
function stampOf(path: string): string | null {
  try {
    const { mtimeMs, size, ino } = statSync(path)
    return size === 0 ? null : `${mtimeMs} ${size} ${ino}`
  } catch {
    return null
  }
}
