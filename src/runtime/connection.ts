import { join } from 'node:path'
import type { Config } from '../config.ts'

export type Connection =
  | { kind: 'file'; path: string }
  | { kind: 'remote'; url: string; authToken: string | null }

const FILE = /^(?:sqlite:\/\/\/|file:(?:\/\/)?)(.+)$/

/** Where the registry is: by default a file in the data directory. */
export function connectionOf({ database, heliostat }: Config): Connection {
  const { connection, auth_token: authToken } = database
  if (connection === null) return { kind: 'file', path: join(heliostat.data_dir, 'registry.db') }
  const [, path] = FILE.exec(connection) ?? []
  return path ? { kind: 'file', path } : { kind: 'remote', url: connection, authToken }
}
