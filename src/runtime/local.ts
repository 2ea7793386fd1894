/** What Node and Deno share: a machine with files and timers. */
import { readFile } from 'node:fs/promises'
import { createBodyOpener } from '../blobs/body.ts'
import { createChunkBuffers } from '../blobs/chunk-buffers.ts'
import { hasMd5 } from '../blobs/digest.ts'
import { createSpool } from '../blobs/fs/spool.ts'
import { createChunkCheck } from '../blobs/local/check.ts'
import { type Config, isEdge } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { createManifests } from '../inventory/manifests.ts'
import { shownPath } from '../masking.ts'
import { createFeed, type Feed } from '../mirror/feed/reader.ts'
import { requireRole } from '../mirror/follow/role.ts'
import { type Damage, openDamage } from '../registry/damage.ts'
import type { Changes, Registry } from '../registry/database.ts'
import { NOT_OURS, openDuty } from '../registry/duty.ts'
import { lostFrames } from '../registry/log-check.ts'
import { CURRENT_REVISION, databaseRevision, migrate } from '../registry/migrate.ts'
import { createChores } from './chores.ts'
import { connectionOf } from './connection.ts'
import { createThreadedDigester } from './digest-threads.ts'
import { whyNot } from './file-mistakes.ts'
import { startHealth } from './health.ts'
import { openImportTools } from './import-tools.ts'
import { isFile } from './is-file.ts'
import { openLocalRegistry } from './local-registry.ts'
import { chunkFolder } from './local-stores.ts'
import { createMetrics } from './metrics.ts'
import type { Peers } from './processes/calls.ts'
import { sharedFollowers } from './processes/shared-followers.ts'
import { createOutgoing } from './outgoing.ts'
import { makeOperatorToken } from './operator-token.ts'
import { openRules } from './rule-files.ts'
import { createServices, type SiteServices } from './services.ts'
import { openSigningFiles } from './signing-certificates.ts'
import { openEdgeSide, openOriginSide } from './side.ts'
import type { Bodies } from './site-chunks.ts'
import { scheduleUpkeep } from './upkeep.ts'

export interface LocalSite {
  services: SiteServices
  /** Null where the registry does not tell of them. */
  changes: Changes | null
  /** Ends timers and threads, and lets go of all files. */
  close(): Promise<void>
}

/** Sets a site up on this machine: the origin, or an edge where the configuration names an upstream. */
export async function openLocalSite(
  config: Config,
  bodies: Bodies = createBodyOpener,
  peers: Peers | null = null,
): Promise<LocalSite> {
  requireChecksum(config)
  const rules = openRules(config)
  const signing = openSigningFiles(config)
  const tokens = await readTokens(config.heliostat.token_file)
  const importTools = await openImportTools(config, peers)
  const parts = await openParts(config, peers)
  const { registry, digester, metrics, damage } = parts
  const openSide = isEdge(config) ? openEdgeSide : openOriginSide
  const side = await openSide(parts, bodies).catch(async (error: unknown) => {
    await digester.close()
    registry.$client.close()
    throw error
  })
  const { edgeStatus, chunks } = side
  const health = startHealth({ ...parts, ...side, damaged: chunks.damaged })
  const services = createServices({
    ...parts,
    ...side,
    digester: metrics.countReceived(digester),
    buffers: createChunkBuffers({ ...digester, spool: createSpool(chunkFolder(config)) }),
    openBody: metrics.countBytes(chunks.openBody, chunks.residentOf),
    hasBytes: chunks.hasBytes,
    tokens,
    operatorToken: await makeOperatorToken(config),
    rules,
    signing,
    damage: damage.found,
    // What an edge has lost, or never had, it gets from its upstream.
    noteDamage: edgeStatus ? async () => undefined : damage.note,
    openFetch: (filter) => createOutgoing({ filter }),
    importTools,
    followers: sharedFollowers(peers),
    isDisabled: () => isFile(config.healthcheck.disable_by_file_path),
    health,
    count: metrics,
  })
  const endUpkeep = parts.isLead ? scheduleUpkeep(services, parts.duty) : async () => undefined
  return {
    services,
    changes: registry.$client.changes ?? null,
    async close() {
      await endUpkeep()
      await services.importer.stop()
      await health.close()
      await side.close()
      await digester.close()
      registry.$client.close()
    },
  }
}

/** Refuses a machine that cannot take in a byte as it is to. An edge is told all checksums. */
function requireChecksum(config: Config): void {
  if (config.heliostat.checksum === 'none' || isEdge(config) || hasMd5()) return
  throw new ConfigError(
    '[heliostat] checksum: got "md5", which this machine does not have, most likely since its OpenSSL is in FIPS mode. ' +
      'Wanted "none": images that are uploaded then have no checksum, and clients verify os_hash_value',
  )
}

/** What an origin and an edge have in common. */
async function openParts(config: Config, peers: Peers | null) {
  const { registry, feed, damage } = await openSiteRegistry(config, peers)
  const isLead = peers?.isLead ?? true
  const digester = createThreadedDigester(peers?.count)
  const manifests = createManifests(registry)
  return {
    config,
    registry,
    feed,
    damage,
    digester,
    check: createChunkCheck(digester),
    manifests,
    metrics: createMetrics(peers),
    chores: createChores(),
    duty: isLead ? openDuty(registry, 'upkeep') : NOT_OURS,
    peers,
    isLead,
  }
}

/** The registry of a site that is to serve: up to date, in its role, and with what is known of its damage. */
async function openSiteRegistry(config: Config, peers: Peers | null) {
  // What others are writing looks as if its end were lost.
  const lostPages = (peers?.isFirst ?? true) ? await lostPagesOf(config) : 0
  const registry = await openLocalRegistry(config)
  await bringUpToDate(config, registry)
  const feed = createFeed(registry)
  const damage = await openDamage(registry, (what) => peers?.tellOthers('noteDamage', what))
  if (lostPages > 0) await noteLostPages(feed, damage, lostPages)
  await requireRole(registry, isEdge(config))
  return { registry, feed, damage }
}

/** Pages that the log of the embedded file has lost, which SQLite does not tell. To be asked before it is opened. */
async function lostPagesOf(config: Config): Promise<number> {
  const connection = connectionOf(config)
  return connection.kind === 'file' ? lostFrames(`${connection.path}-wal`) : 0
}

/** What was changed last is gone, so whoever follows this site may know more than it does itself. */
async function noteLostPages(feed: Feed, damage: Damage, pages: number): Promise<void> {
  await damage.note(
    `${pages} pages of its write-ahead log are lost, and the latest changes with them`,
  )
  await feed.renewEpoch()
}

/** The embedded file is this service's alone, so it is migrated at the start; a server's schema is its operator's to change. */
async function bringUpToDate(config: Config, registry: Registry): Promise<void> {
  if (connectionOf(config).kind === 'file') {
    await migrate(registry)
    return
  }
  await requireRevision(registry)
}

/** Refuses a database whose schema is not the one of this build. */
export async function requireRevision(registry: Registry): Promise<void> {
  const revision = await databaseRevision(registry)
  if (revision === CURRENT_REVISION) return
  throw new ConfigError(
    `The database is at revision "${revision ?? ''}", wanted "${CURRENT_REVISION}": run heliostat db sync`,
  )
}

async function readTokens(file: string | null): Promise<string> {
  if (file === null) return ''
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new ConfigError(
      `[heliostat] token_file: cannot read "${shownPath(file)}": ${whyNot(error)}`,
    )
  }
}
