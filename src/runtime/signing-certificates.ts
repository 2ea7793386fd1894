import { readFileSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../error-code.ts'
import { ConfigError, HeliostatError } from '../errors.ts'
import type { Config } from '../config.ts'
import {
  type Certificate,
  type CertificateSource,
  MAX_PEM,
  readCertificates,
} from '../images/signatures/certificates.ts'
import { shownPath } from '../masking.ts'
import { reasonOf } from '../reason.ts'
import { whyNot } from './file-mistakes.ts'
import { createOutgoing } from './outgoing.ts'
import type { Fetch } from '../http/fetch.ts'

/** What a machine with files has for the signatures of images. */
export interface SigningFiles {
  folder: CertificateSource | null
  authorities: Certificate[] | null
  /** Reaches Barbican. */
  fetch: Fetch
}

/** Reads the files that the configuration names, other than those of the folder: it is looked into each time. */
export function openSigningFiles({ heliostat, barbican }: Config): SigningFiles {
  const { signature_certificates: folder, signature_ca_file: authorities } = heliostat
  const { verify_ssl: isVerified, verify_ssl_path: ca } = barbican
  const isPlain = isVerified && ca === null
  return {
    folder: folder === null ? null : openFolder(folder),
    authorities: authorities === null ? null : readAuthorities(authorities),
    fetch: isPlain
      ? fetch
      : createOutgoing({
          ca: ca === null ? null : readText('[barbican] verify_ssl_path', ca),
          insecure: !isVerified,
        }),
  }
}

function readAuthorities(path: string): Certificate[] {
  const option = '[heliostat] signature_ca_file'
  const certificates = parse(option, path)
  if (certificates.length > 0) return certificates
  throw new ConfigError(`${option}: no certificate is in "${shownPath(path)}", wanted PEM`)
}

function parse(option: string, path: string): Certificate[] {
  const pem = readText(option, path)
  try {
    return readCertificates(pem)
  } catch (error) {
    throw new ConfigError(
      `${option}: a certificate in "${shownPath(path)}" cannot be read: ${reasonOf(error)}`,
    )
  }
}

function readText(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`${option}: cannot read "${shownPath(path)}": ${whyNot(error)}`)
  }
}

/** Certificates in files UUID.pem or UUID.crt. */
function openFolder(folder: string): CertificateSource {
  requireFolder(folder)
  return {
    async find(id) {
      for (const ending of ['pem', 'crt']) {
        const pem = await readCertificate(id, join(folder, `${id}.${ending}`))
        if (pem !== null) return pem
      }
      return null
    },
  }
}

function requireFolder(folder: string): void {
  try {
    if (statSync(folder).isDirectory()) return
  } catch (error) {
    throw mistakenFolder(folder, whyNot(error))
  }
  throw mistakenFolder(folder, 'it is a file, wanted a folder')
}

function mistakenFolder(folder: string, why: string): ConfigError {
  return new ConfigError(
    `[heliostat] signature_certificates: cannot use "${shownPath(folder)}": ${why}`,
  )
}

async function readCertificate(id: string, path: string): Promise<string | null> {
  try {
    const found = await stat(path)
    if (found.isFile() && found.size <= MAX_PEM) return await readFile(path, 'utf8')
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null
    throw new HeliostatError('unavailable', `Certificate ${id} cannot be read here at present`, {
      cause,
    })
  }
  throw new HeliostatError(
    'unavailable',
    `Certificate ${id} is no file of at most ${MAX_PEM} bytes here`,
  )
}
