import { z } from 'zod'
import { type SiteStatus, siteStatus, type UpstreamStatus } from '../mirror/status.ts'
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
  const { head } = found
  const own: Row = ['feed', `change ${head.seq}, epoch ${head.epoch}`]
  if (!found.upstream || !found.resident) return [own, ['role', 'origin: follows no other site']]
  const { resident: here } = found
  return [
    own,
    ['upstream', upstreamText(found.upstream)],
    ['resident', `${formatBytes(here.bytes)} of ${formatBytes(here.limit)}, ${here.chunks} chunks`],
    ['evicted', `${here.evictions} chunks`],
    ['reads', `${here.hits} here, ${here.misses} fetched, ${here.coalesced} waited for a fetch`],
    ['fetched', `${formatBytes(here.upstream_bytes)}, ${here.streamed_through} chunks not stored`],
    ['damaged', `${here.corrupt} chunks since the start`],
    ...found.upstream.withheld.map(({ id, reason }): Row => ['withheld', `${id}  ${reason}`]),
    ...(found.images ?? []).map(imageRow),
  ]
}

function upstreamText({ seq, upstream_seq, lag, stale, error }: UpstreamStatus): string {
  const at = seq === null ? 'no snapshot yet' : `at change ${seq} of ${upstream_seq ?? '?'}`
  if (stale === null) return `${at}, heard ${formatSeconds(lag)} ago`
  return `${at}, alone for ${formatSeconds(stale)}${error === null ? '' : `: ${error}`}`
}

function imageRow({
  id,
  size,
  resident: here,
}: {
  id: string
  size: number
  resident: number
}): Row {
  const part = size === 0 ? 100 : Math.floor((here / size) * 100)
  return ['image', `${id}  ${String(part).padStart(3)} % of ${formatBytes(size)}`]
}

function table(all: Row[]): string {
  const width = Math.max(...all.map(([name]) => name.length))
  return all.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n')
}
