/** Caches that have nothing yet: what the first reader waits for, and what a hundred at once cost the origin. */
import { rm } from 'node:fs/promises'
import { download, type DownloadReport, requireSame } from '../downloads.ts'
import { GIB, MIB, publish } from '../images.ts'
import type { Keeper, Lab, Server } from '../lab.ts'
import { sentToMirrors, startEdge, startHeliostat } from '../peers/heliostat.ts'
import { sentByNginx, startNginx, startSliceCache } from '../peers/nginx.ts'
import { ifThere } from '../peers/packages.ts'
import { startVarnish } from '../peers/varnish.ts'
import { cpuSeconds } from '../processes.ts'
import type { Case, Contender, Measure, Reading, Workload } from '../workload.ts'
import { prepareFile } from './one-file.ts'

const STAMPEDE = { clients: 100, size: 256 * MIB }

const SPEED: Measure = {
  name: 'speed',
  unit: 'GB/s',
  better: 'more',
  goals: [{ peer: 'nginx slice', ratio: 2 }],
}
const TIME: Measure = { name: 'time', unit: 's', better: 'less' }
/** What the origin has sent, in sizes of the image; a chunk more than one is as wanted. */
const SENT: Measure = {
  name: 'sent by the origin',
  unit: '×',
  better: 'less',
  goals: [{ bound: 1.04 }],
}

export const coldGet: Workload = {
  name: 'cold-get',
  about: 'GET of 1 GiB through a cache that has nothing of it, 1 client',
  async prepare(lab) {
    const caches = await prepareCaches(lab, GIB)
    return [caseOf('cold GET 1 GiB', [SPEED], await contendersOf(lab, caches, toSpeed))]

    async function toSpeed(cache: Cache, server: Server): Promise<Reading> {
      const { bytes, seconds } = await readOnce(lab, cache.urlAt(server), 1)
      return { values: { speed: bytes / 1e9 / seconds }, work: bytes / 1e9 }
    }
  },
}

export const stampede: Workload = {
  name: 'stampede',
  about: `${STAMPEDE.clients} clients at once on a cold cache, 256 MiB`,
  async prepare(lab) {
    const { clients, size } = STAMPEDE
    const caches = await prepareCaches(lab, size)
    const contenders = await contendersOf(lab, caches, toTime)
    const one = caseOf(`${clients} cold readers of 256 MiB`, [TIME, SENT], contenders)
    return [{ ...one, mostRounds: 3 }]

    async function toTime(cache: Cache, server: Server): Promise<Reading> {
      const before = await cache.sent()
      const { bytes, seconds } = await readOnce(lab, cache.urlAt(server), clients)
      const sent = (await cache.sent()) - before
      return { values: { time: seconds, [SENT.name]: sent / size }, work: bytes / 1e9 }
    }
  },
}

/** A kind of cache, and the origin behind it. */
interface Cache {
  name: string
  origin: Server
  start: () => Promise<Keeper>
  /** Where it has the image. */
  urlAt: (server: Server) => string
  /** The bytes that the origin has sent until now. */
  sent: () => Promise<number>
  /** The file that it has to give. */
  file: string
}

async function prepareCaches(lab: Lab, size: number): Promise<Cache[]> {
  const { folder, path: file } = await prepareFile(lab, size)
  const site = await startHeliostat(lab)
  const { id } = await publish(lab, { url: site.url, headers: {} }, file)
  const edge: Cache = {
    name: 'Heliostat edge',
    origin: site,
    start: () => startEdge(lab, site),
    urlAt: ({ url }) => `${url}/v2/images/${id}/file`,
    sent: () => sentToMirrors(site),
    file,
  }
  const nginx = await ifThere(lab, 'nginx', () => startNginx(lab, folder))
  if (!nginx) return [edge]
  const before = {
    origin: nginx,
    urlAt: ({ url }: Server) => `${url}/image`,
    sent: () => sentByNginx(nginx),
    file,
  }
  return [
    edge,
    { ...before, name: 'nginx slice', start: () => startSliceCache(lab, nginx.url) },
    { ...before, name: 'Varnish', start: () => startVarnish(lab, nginx.url) },
  ]
}

/** Each round begins with a cache that has just been started. */
async function contendersOf(
  lab: Lab,
  caches: Cache[],
  read: (cache: Cache, server: Server) => Promise<Reading>,
): Promise<Contender[]> {
  const contenders: Contender[] = []
  for (const cache of caches) {
    const first = await ifThere(lab, cache.name, cache.start)
    if (!first) continue
    await requireSame(lab, { url: cache.urlAt(first), headers: {} }, cache.file)
    await forget(first)
    contenders.push(contenderOf(cache, read))
  }
  return contenders
}

function contenderOf(
  cache: Cache,
  read: (cache: Cache, server: Server) => Promise<Reading>,
): Contender {
  return {
    name: cache.name,
    pids: () => [],
    async run() {
      const server = await cache.start()
      // Of what is behind it too, which works as much.
      const pids = [...cache.origin.pids(), ...server.pids()]
      const before = cpuSeconds(pids)
      try {
        const reading = await read(cache, server)
        return { ...reading, cpu: cpuSeconds(pids) - before }
      } finally {
        await forget(server)
      }
    },
  }
}

/** What a cache leaves behind at each round would fill the disk. */
async function forget({ stop, dataDir }: Keeper): Promise<void> {
  await stop()
  await rm(dataDir, { recursive: true, force: true })
}

function caseOf(name: string, measures: Measure[], contenders: Contender[]): Case {
  return { name, measures, work: 'GB', subject: 'Heliostat edge', contenders }
}

function readOnce(lab: Lab, url: string, clients: number): Promise<DownloadReport> {
  return download(lab, { url, headers: {}, clients, seconds: null })
}
