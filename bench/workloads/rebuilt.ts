/** What has to be moved of an image where the one before it is, by those who look for what both have. */
import { copyFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { buildTwice } from '../debian-images.ts'
import { requireSame } from '../downloads.ts'
import { publish } from '../images.ts'
import type { Lab, Server } from '../lab.ts'
import { sentToMirrors, startEdge, startHeliostat, untilShown } from '../peers/heliostat.ts'
import { sentByNginx, startNginx } from '../peers/nginx.ts'
import { ifThere, install } from '../peers/packages.ts'
import type { Case, Contender, Measure, Workload } from '../workload.ts'

const MOVED: Measure = {
  name: 'moved',
  unit: 'MB',
  better: 'less',
  // 0.8 × what they move.
  goals: [
    { peer: 'casync', ratio: 1.25 },
    { peer: 'zsync', ratio: 1.25 },
  ],
}

export const rebuilt: Workload = {
  name: 'rebuilt',
  about: 'bytes to move a rebuilt image to where the one before it is',
  takes: '10 minutes',
  async prepare(lab): Promise<Case[]> {
    const disks = await buildTwice(lab)
    const peers = await ifThere(lab, 'nginx, casync and zsync', () => startPeers(lab, disks))
    return [
      {
        name: `a rebuilt image of ${((await stat(disks.second)).size / 1e6).toFixed(0)} MB`,
        measures: [MOVED],
        work: null,
        subject: 'Heliostat edge',
        // The same bytes every time.
        mostRounds: 1,
        contenders: [await startSites(lab, disks), ...(peers ?? [])],
      },
    ]
  },
}

interface Disks {
  first: string
  second: string
}

/** An edge that has read the first one. */
async function startSites(lab: Lab, { first, second }: Disks): Promise<Contender> {
  const origin = await startHeliostat(lab)
  const edge = await startEdge(lab, origin)
  await readNew(first)
  return contender(
    'Heliostat edge',
    () => sentToMirrors(origin),
    () => readNew(second),
  )

  async function readNew(file: string): Promise<void> {
    const service = { url: origin.url, headers: {} }
    const { id, headers } = await publish(lab, service, file, { disk_format: 'qcow2' })
    await untilShown(edge, { id, status: 'active' })
    await requireSame(lab, { url: `${edge.url}/v2/images/${id}/file`, headers }, file)
  }
}

/** All of them fetch from nginx, which has what each of them has made of the second one. */
async function startPeers(lab: Lab, disks: Disks): Promise<Contender[]> {
  const folder = await lab.subfolder('files')
  await copyFile(disks.second, join(folder, 'disk'))
  const nginx = await startNginx(lab, folder)
  const whole = () => requireSame(lab, { url: `${nginx.url}/disk`, headers: {} }, disks.second)
  const parts = { lab, disks, folder, nginx }
  const tools = [
    await ifThere(lab, 'casync', () => prepareCasync(parts)),
    await ifThere(lab, 'zsync', () => prepareZsync(parts)),
  ]
  const sent = () => sentByNginx(nginx)
  return [contender('nginx', sent, whole), ...tools.flatMap((tool) => tool ?? [])]
}

interface Parts {
  lab: Lab
  disks: Disks
  folder: string
  nginx: Server
}

async function prepareCasync(parts: Parts): Promise<Contender> {
  const { lab, disks, folder, nginx } = parts
  await install({ commands: ['casync'], packages: ['casync'] }, lab)
  const [store, index] = ['chunks.castr', 'disk.caibx']
  await lab.command('casync', [
    ...['make', `--store=${join(folder, store)}`],
    ...[join(folder, index), disks.second],
  ])
  return making(parts, 'casync', (made) => [
    ...['extract', `--store=${nginx.url}/${store}`, `--seed=${disks.first}`],
    ...[`${nginx.url}/${index}`, made],
  ])
}

async function prepareZsync(parts: Parts): Promise<Contender> {
  const { lab, disks, folder, nginx } = parts
  await install({ commands: ['zsync'], packages: ['zsync'] }, lab)
  const description = 'disk.zsync'
  await lab.command('zsyncmake', [
    ...['-u', `${nginx.url}/disk`, '-o', join(folder, description)],
    disks.second,
  ])
  return making(parts, 'zsync', (made) => [
    ...['-q', '-i', disks.first, '-o', made],
    `${nginx.url}/${description}`,
  ])
}

/** A program that makes the second one of the first and of what it fetches. */
function making(
  { lab, disks, nginx }: Parts,
  program: string,
  argsFor: (made: string) => string[],
): Contender {
  return contender(
    program,
    () => sentByNginx(nginx),
    async () => {
      const made = join(await lab.subfolder(program), 'disk')
      await lab.command(program, argsFor(made))
      await lab.command('cmp', [made, disks.second])
    },
  )
}

/** Of what has been sent altogether, what `fetch` adds counts. */
function contender(
  name: string,
  sent: () => Promise<number>,
  fetch: () => Promise<void>,
): Contender {
  return {
    name,
    pids: () => [],
    async run() {
      const before = await sent()
      await fetch()
      return { values: { moved: ((await sent()) - before) / 1e6 } }
    },
  }
}
