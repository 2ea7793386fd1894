import { z } from 'zod'
import {
  type ResidentImage,
  type ResidentStatus,
  type SiteStatus,
  siteStatus,
  type UpstreamStatus,
} from '../mirror/status.ts'
import { formatBytes, formatSeconds } from './progress.ts'
import { createRunningSite, type RunningSite, type SiteOptions } from './running-site.ts'

const readiness = z.looseObject({ ready: z.boolean(), reasons: z.array(z.string()) })

export const readStatus = (site: RunningSite, query = ''): Promise<SiteStatus> =>
  site.read(`/mirror/v1/status${query}`, siteStatus)

/** `heliostat mirror status`. Exit code 1 when the site should get no requests. */
export async function status(options: SiteOptions & { json?: true }): Promise<void> {
  const site = createRunningSite(options)
  const found = await readStatus(site, '?images=1')
  // A site that is not ready says why with 503.
  const readyz = readiness.parse(await (await site.ask('/readyz')).json())
  const text = options.json
    ? JSON.stringify({ ...found, readyz }, null, 2)
    : table([['site', `${site.url}, Heliostat ${found.version}`], readyRow(readyz), ...rows(found)])
  process.stdout.write(`${text}\n`)
  if (!readyz.ready) process.exitCode = 1
}

type Row = [name: string, text: string]

function readyRow({ ready, reasons }: z.output<typeof readiness>): Row {
  return ['ready', [ready ? 'yes' : 'no', ...reasons].join(', ')]
}

function rows(found: SiteStatus): Row[] {
  const { head, stored, upstream, resident } = found
  const [id] = head.sites
  return [
    ...(id === undefined ? [] : [['id', id] satisfies Row]),
    ['feed', `change ${head.seq}, epoch ${head.epoch}`],
    ...(upstream && resident ? edgeRows(found, upstream, resident) : [ORIGIN]),
    ...(stored ? [storedRow(stored)] : []),
    ...found.followers.map((follower) => followerRow(follower, head.seq)),
  ]
}

const ORIGIN: Row = ['role', 'origin: follows no other site']

function storedRow({ chunks, bytes }: NonNullable<SiteStatus['stored']>): Row {
  return ['stored', `${formatBytes(bytes)}, ${chunks} chunks`]
}

function followerRow({ site, address, seq, heard }: Follower, last: number): Row {
  const who = [site, address].filter((part) => part !== null).join(' from ')
  return ['follower', `${who}: at change ${seq} of ${last}, heard ${formatSeconds(heard)} ago`]
}

type Follower = SiteStatus['followers'][number]

function edgeRows(found: SiteStatus, upstream: UpstreamStatus, here: ResidentStatus): Row[] {
  return [
    ['upstream', upstreamText(upstream)],
    ['resident', `${formatBytes(here.bytes)} of ${formatBytes(here.limit)}, ${here.chunks} chunks`],
    ['evicted', `${here.evictions} chunks`],
    ['reads', `${here.hits} here, ${here.misses} fetched, ${here.coalesced} waited for a fetch`],
    ['fetched', `${formatBytes(here.upstream_bytes)}, ${here.streamed_through} chunks not stored`],
    ['damaged', `${here.corrupt} chunks since the start`],
    ...upstream.withheld.map(({ id, reason }): Row => ['withheld', `${id}  ${reason}`]),
    ...(found.images ?? []).map(imageRow),
  ]
}

function upstreamText({ seq, upstream_seq, lag, stale, error }: UpstreamStatus): string {
  const at = seq === null ? 'no snapshot yet' : `at change ${seq} of ${upstream_seq ?? '?'}`
  if (stale === null) return `${at}, heard ${formatSeconds(lag)} ago`
  return `${at}, alone for ${formatSeconds(stale)}${error === null ? '' : `: ${error}`}`
}

function imageRow({ id, name, size, resident: here, pinned }: ResidentImage): Row {
  const part = String(size === 0 ? 100 : Math.floor((here / size) * 100)).padStart(3)
  const text = `${id}  ${part} % of ${formatBytes(size)}${pinned ? ', pinned' : ''}`
  // Whoever has named it may have had a terminal in mind.
  return ['image', name === null ? text : `${text}  ${name.replace(/\p{C}+/gu, ' ')}`]
}

function table(all: Row[]): string {
  const width = Math.max(...all.map(([name]) => name.length))
  return all.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n')
}
