import { join } from 'node:path'
import {
  createImage,
  freshen,
  GIB,
  type ImageService,
  MIB,
  removeImage,
  upload as uploadFile,
  writeRandom,
} from '../images.ts'
import type { Lab } from '../lab.ts'
import { startGlance } from '../peers/glance.ts'
import { startHeliostat } from '../peers/heliostat.ts'
import { ifThere } from '../peers/packages.ts'
import type { Case, Contender, Measure, Workload } from '../workload.ts'

const SPEED: Measure = {
  name: 'speed',
  unit: 'MB/s',
  better: 'more',
  goals: [{ peer: 'Glance', ratio: 2.5 }],
}

/** Uploads of what no service has had before. */
export const upload: Workload = {
  name: 'upload',
  about: 'PUT of 1 GiB, by 1 client and by 4',
  async prepare(lab) {
    const site = await startHeliostat(lab)
    const glance = await ifThere(lab, 'Glance', () => startGlance(lab))
    const services = [
      { name: 'Heliostat', url: site.url, pids: site.pids },
      ...(glance ? [{ name: 'Glance', url: glance.url, pids: glance.pids }] : []),
    ]
    return [
      await caseOf(lab, { clients: 1, size: GIB }, services),
      await caseOf(lab, { clients: 4, size: 256 * MIB }, services),
    ]
  },
}

interface Service {
  name: string
  url: string
  pids: () => number[]
}

interface Load {
  clients: number
  /** Bytes of the file of each. */
  size: number
}

async function caseOf(lab: Lab, load: Load, services: Service[]): Promise<Case> {
  const files = await writeFiles(lab, load)
  return {
    name: load.clients === 1 ? 'PUT 1 GiB' : `PUT ${load.clients} × ${load.size / MIB} MiB at once`,
    measures: [SPEED],
    work: 'GB',
    subject: 'Heliostat',
    contenders: services.map(({ name, url, pids }): Contender => ({
      name,
      pids,
      run: () => runOnce(lab, { service: { url, headers: {} }, files, size: load.size }),
    })),
  }
}

async function writeFiles(lab: Lab, { clients, size }: Load): Promise<string[]> {
  const folder = await lab.subfolder('uploads')
  const files = Array.from({ length: clients }, (_, index) => join(folder, `${index}`))
  for (const file of files) await writeRandom(file, size)
  return files
}

interface Run {
  service: ImageService
  files: string[]
  size: number
}

async function runOnce(lab: Lab, { service, files, size }: Run) {
  for (const file of files) await freshen(file, size)
  const uploads = await Promise.all(
    files.map(async (file) => ({ file, id: await createImage(service) })),
  )
  const startedAt = performance.now()
  await Promise.all(uploads.map((one) => uploadFile(lab, service, one)))
  const seconds = (performance.now() - startedAt) / 1000
  for (const { id } of uploads) {
    await requireActive(service, id, size)
    await removeImage(service, id)
  }
  const bytes = size * files.length
  return { values: { speed: bytes / 1e6 / seconds }, work: bytes / 1e9 }
}

async function requireActive({ url, headers }: ImageService, id: string, size: number) {
  const text = await (await fetch(`${url}/v2/images/${id}`, { headers })).text()
  const image: unknown = JSON.parse(text)
  const { status, size: found } = Object(image)
  if (status !== 'active' || found !== size) throw new Error(`the image is not whole: ${text}`)
}
