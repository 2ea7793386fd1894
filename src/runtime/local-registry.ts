/** The registry of a site on this machine. */
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeFolders } from '../blobs/fs/durable.ts'
import type { Config } from '../config.ts'
import { codeOf } from '../error-code.ts'
import { ConfigError } from '../errors.ts'
import { shownPath } from '../masking.ts'
import { openRegistry, type Registry } from '../registry/database.ts'
import { type EmbeddedOptions, openEmbedded } from '../registry/embedded.ts'
import { connectionOf } from './connection.ts'
import { whyNot } from './file-mistakes.ts'

/**
 * Opens the registry that the configuration names; an embedded file is created with its folder. Throws a ConfigError
 * that says what is wrong with either.
 */
export async function openLocalRegistry(config: Config, how?: EmbeddedOptions): Promise<Registry> {
  const connection = connectionOf(config)
  if (connection.kind === 'remote') {
    const { openRemote } = await import('../registry/remote.ts')
    return openRegistry(openRemote(connection.url, connection.authToken))
  }
  const { path } = connection
  const option =
    config.database.connection === null ? '[heliostat] data_dir' : '[database] connection'
  await prepareFolder(option, dirname(path))
  try {
    return openRegistry(openEmbedded(path, how))
  } catch (error) {
    throw (await unopened(option, path, error)) ?? error
  }
}

const ELSEWHERE = 'Mend that, or name another folder by --data-dir'

async function prepareFolder(option: string, folder: string): Promise<void> {
  try {
    await makeFolders(folder)
    await access(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new ConfigError(
      `${option}: cannot write to the folder "${shownPath(folder)}": ${whyNot(error)}. ${ELSEWHERE}`,
    )
  }
}

/** The engine itself tells a number. Null where the files are not the reason. */
async function unopened(option: string, path: string, error: unknown): Promise<ConfigError | null> {
  if (codeOf(error) === 'SQLITE_BUSY') {
    return new ConfigError(
      `The registry "${shownPath(path)}" is in use by another process: stop the service first`,
    )
  }
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    const reason = await whyUnusable(file)
    if (reason === null) continue
    return new ConfigError(
      `${option}: cannot open the database file "${shownPath(file)}": ${reason}`,
    )
  }
  return null
}

/** Null also of a file that is not there. */
async function whyUnusable(file: string): Promise<string | null> {
  try {
    if ((await stat(file)).isDirectory()) return 'it is a folder, wanted a file'
    await access(file, constants.R_OK | constants.W_OK)
    return null
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? null : whyNot(error)
  }
}
