import { stat } from 'node:fs/promises'
import process from 'node:process'
import type { Config } from '../config.ts'
import { connectionOf } from './connection.ts'
import { chunkFolder } from './local-stores.ts'
import { operatorTokenFile } from './operator-token.ts'

/** What a mode must not have: anything for others, and writing for the group, which may be large. */
const SECRET = 0o027
/** Of rules everybody may know, but whoever writes them is an administrator. */
const RULES = 0o022

/** A file that an operator has named on the command line. */
export interface NamedFile {
  /** What messages call it. */
  name: string
  path: string
  isSecret: boolean
}

/**
 * One sentence for each file or folder of a site that other users of the machine may read or write. They are told, not
 * changed: an operator may have meant it.
 */
export async function exposedFiles(config: Config, named: NamedFile[]): Promise<string[]> {
  // There modes say nothing.
  if (process.platform === 'win32') return []
  const files = [
    ...filesOf(config),
    ...named.map(({ name, path, isSecret }) => ({ name, path, denied: isSecret ? SECRET : RULES })),
  ]
  const found = await Promise.all(files.map(exposure))
  return found.flatMap((sentence) => sentence ?? [])
}

interface Kept {
  name: string
  path: string | null
  denied: number
}

function filesOf(config: Config): Kept[] {
  const { DEFAULT, heliostat, oslo_policy } = config
  const connection = connectionOf(config)
  const database = connection.kind === 'file' ? connection.path : null
  const rules = DEFAULT.property_protection_file
  const { signature_certificates: certificates, signature_ca_file: authorities } = heliostat
  return [
    { name: '[heliostat] data_dir', path: heliostat.data_dir, denied: SECRET },
    { name: 'The folder of the chunks', path: chunkFolder(config), denied: SECRET },
    { name: 'The database', path: database, denied: SECRET },
    { name: 'The log of the database', path: database && `${database}-wal`, denied: SECRET },
    { name: 'The token of its operators', path: operatorTokenFile(config), denied: 0o077 },
    { name: '[heliostat] token_file', path: heliostat.token_file, denied: SECRET },
    { name: '[heliostat] signature_certificates', path: certificates, denied: RULES },
    { name: '[heliostat] signature_ca_file', path: authorities, denied: RULES },
    { name: '[oslo_policy] policy_file', path: oslo_policy.policy_file, denied: RULES },
    { name: '[DEFAULT] property_protection_file', path: rules, denied: RULES },
  ]
}

async function exposure({ name, path, denied }: Kept): Promise<string | null> {
  if (path === null) return null
  // What is not there yet is made with a mode that is right; what cannot be looked at fails elsewhere.
  const found = await stat(path).catch(() => null)
  if (!found || (found.mode & denied) === 0) return null
  const octal = (mode: number) => (mode & 0o777).toString(8)
  const may = (found.mode & denied & 0o022) !== 0 ? 'change' : 'read'
  return `${name} "${path}": other users may ${may} it, its mode is ${octal(found.mode)}, wanted ${octal(found.mode & ~denied)}`
}
