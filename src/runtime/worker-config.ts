import { type Config, fromEnvironment, loadConfig, type RawConfig } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { type Connection, connectionOf } from './connection.ts'

export interface WorkerConfig {
  config: Config
  connection: Extract<Connection, { kind: 'remote' }>
}

/** The configuration of a Worker, from its vars and secrets. Throws a ConfigError that says what to set. */
export function readWorkerConfig(env: Record<string, unknown>): WorkerConfig {
  const raw = fromEnvironment(env)
  refuse(missingIn(raw))
  const { config } = loadConfig({ glance_store: { stores: 'r2,http', default_store: 'r2' } }, raw)
  refuse(unusableIn(config))
  const connection = connectionOf(config)
  if (connection.kind === 'file') {
    throw new ConfigError('[database] connection: a Worker has no files, wanted libsql://HOST')
  }
  return { config, connection }
}

/** What has no default that a Worker could have. */
function missingIn({ database, paste_deploy, heliostat }: RawConfig): string[] {
  const flavor = paste_deploy?.['flavor']
  const missing = {
    'HELIOSTAT_DATABASE__CONNECTION: the address of a libSQL server, such as libsql://HOST':
      !database?.['connection'],
    'HELIOSTAT_PASTE_DEPLOY__FLAVOR: keystone or token, since a Worker is open to the world':
      !flavor && !heliostat?.['allow_unauthenticated'],
    'HELIOSTAT_HELIOSTAT__TOKENS: the lines that `heliostat token` prints, since the flavor is token':
      flavor === 'token' && !heliostat?.['tokens'],
  }
  return Object.entries(missing).flatMap(([what, isMissing]) => (isMissing ? [what] : []))
}

function unusableIn(config: Config): string[] {
  const { DEFAULT, barbican, heliostat, mirror, oslo_policy, paste_deploy } = config
  const given = {
    '[DEFAULT] property_protection_file: a Worker has no files': DEFAULT.property_protection_file,
    '[heliostat] token_file: a Worker has no files, tokens may stand in [heliostat] tokens':
      heliostat.token_file,
    '[heliostat] signature_certificates: a Worker has no files': heliostat.signature_certificates,
    '[heliostat] signature_ca_file: a Worker has no files': heliostat.signature_ca_file,
    '[barbican] verify_ssl_path: a Worker has no files': barbican.verify_ssl_path,
    '[oslo_policy] policy_file: a Worker has no files': oslo_policy.policy_file,
    '[mirror] upstream: a Worker cannot follow another site': mirror.upstream[0] ?? null,
    '[paste_deploy] flavor: a Worker cannot tell who set identity headers':
      paste_deploy.flavor === 'trusted' ? paste_deploy.flavor : null,
  }
  return Object.entries(given).flatMap(([mistake, value]) => (value === null ? [] : [mistake]))
}

function refuse(mistakes: string[]): void {
  if (mistakes.length > 0) throw new ConfigError(mistakes.join('\n'))
}
