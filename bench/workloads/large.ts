/** Images of many GiB: speed does not depend on the size, and memory not on the size and the clients. */
import { setTimeout } from 'node:timers/promises'
import { chunksOf, insertImage, insertIntoGlance, sparseFile, withRegistry } from '../crafted.ts'
import { download } from '../downloads.ts'
import { GIB, publish } from '../images.ts'
import type { Lab } from '../lab.ts'
import { startGlance } from '../peers/glance.ts'
import { startHeliostat } from '../peers/heliostat.ts'
import { startNginx } from '../peers/nginx.ts'
import { ifThere } from '../peers/packages.ts'
import { memoryOf } from '../processes.ts'
import type { Case, Contender, Measure, Workload } from '../workload.ts'
import { type Holder, prepareFile } from './one-file.ts'

const SIZES = [1, 16, 64]
const CHUNK = 8 << 20
const CLIENTS = 64
const MEMORY_GIB = 10
const SAMPLE_MS = 200

export const sizes: Workload = {
  name: 'sizes',
  about: `GET of sparse images of ${SIZES.join(', ')} GiB, 1 client, cut off when the turn is over`,
  async prepare(lab) {
    const cases: Case[] = []
    for (const gib of SIZES) {
      const chunks = Array.from({ length: (gib * GIB) / CHUNK }, () => null)
      cases.push(sizeCase(lab, gib, await startLarge(lab, chunks)))
    }
    return cases
  },
}

export const memory: Workload = {
  name: 'memory',
  about: `memory while ${CLIENTS} clients download from ${MEMORY_GIB} GiB, each from another place on`,
  async prepare(lab) {
    const { path } = await prepareFile(lab, GIB)
    const holders = await startLarge(lab, async (url, dataDir) => {
      const { id } = await publish(lab, { url, headers: {} }, path)
      const chunks = await withRegistry(dataDir, (registry) => chunksOf(registry, id))
      return Array.from({ length: MEMORY_GIB }, () => chunks).flat()
    })
    return [memoryCase(lab, holders)]
  },
}

type Chunks = (string | null)[]

/** Heliostat with an image of these chunks, the others with a sparse file of that size. */
async function startLarge(
  lab: Lab,
  made: Chunks | ((url: string, dataDir: string) => Promise<Chunks>),
): Promise<Holder[]> {
  const site = await startHeliostat(lab)
  const chunks = typeof made === 'function' ? await made(site.url, site.dataDir) : made
  const { id, size } = await withRegistry(site.dataDir, (registry) => insertImage(registry, chunks))
  const { folder, path } = await sparseFile(lab, size)
  const nginx = await ifThere(lab, 'nginx', () => startNginx(lab, folder))
  const glance = await ifThere(lab, 'Glance', () => startGlance(lab, { withoutCache: true }))
  const pathOf = (image: string) => `/v2/images/${image}/file`
  return [
    { name: 'Heliostat', server: site, path: pathOf(id) },
    ...(nginx ? [{ name: 'nginx', server: nginx, path: '/image' }] : []),
    ...(glance
      ? [
          {
            name: 'Glance',
            server: glance,
            path: pathOf(insertIntoGlance(glance.database, path, size)),
          },
        ]
      : []),
  ].map(({ name, server, path: place }) => ({
    name,
    url: `${server.url}${place}`,
    headers: {},
    pids: server.pids,
  }))
}

function sizeCase(lab: Lab, gib: number, holders: Holder[]): Case {
  const measures: Measure[] = [
    { name: 'speed', unit: 'GB/s', better: 'more' },
    { name: 'first byte', unit: 'ms', better: 'less' },
  ]
  const contenders = holders.map(({ name, pids, url, headers }): Contender => ({
    name,
    pids,
    async run() {
      const options = { url, headers, clients: 1, seconds: lab.seconds }
      const { bytes, seconds, firstByte } = await download(lab, options)
      return {
        values: { speed: bytes / 1e9 / seconds, 'first byte': firstByte },
        work: bytes / 1e9,
      }
    },
  }))
  return { name: `GET ${gib} GiB, sparse`, measures, work: 'GB', subject: 'Heliostat', contenders }
}

function memoryCase(lab: Lab, holders: Holder[]): Case {
  const measures: Measure[] = [
    { name: 'PSS at most', unit: 'MB', better: 'less', goals: [{ bound: 300 }] },
    { name: 'RSS at most', unit: 'MB', better: 'less' },
  ]
  return {
    name: `${CLIENTS} clients on ${MEMORY_GIB} GiB`,
    measures,
    work: 'GB',
    subject: 'Heliostat',
    mostRounds: 3,
    contenders: holders.map((holder) => ({
      name: holder.name,
      pids: holder.pids,
      run: () => watchMemory(lab, holder),
    })),
  }
}

async function watchMemory(lab: Lab, { url, headers, pids }: Holder) {
  const most = { rss: 0, pss: 0 }
  let isOver = false
  const options = { url, headers, clients: CLIENTS, seconds: lab.seconds * 2 }
  const reading = download(lab, { ...options, spreadOver: MEMORY_GIB * GIB }).finally(() => {
    isOver = true
  })
  // Its failure is awaited below.
  reading.catch(() => undefined)
  while (!isOver) {
    const { rss, pss } = memoryOf(pids())
    most.rss = Math.max(most.rss, rss)
    most.pss = Math.max(most.pss, pss)
    await setTimeout(SAMPLE_MS)
  }
  const { bytes } = await reading
  const values = { 'PSS at most': most.pss / 1e6, 'RSS at most': most.rss / 1e6 }
  return { values, work: bytes / 1e9 }
}
