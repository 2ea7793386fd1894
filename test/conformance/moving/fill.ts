/**
 * Fills the image service of a region with images of all formats and visibilities, made by qemu-img and tar:
 * `fill.ts REGION COUNT FOLDER`.
 */
import { execFile } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { asked, findEndpoint, json, logIn, type ImageRecord, sideBySide } from './cloud.ts'

const run = promisify(execFile)
const [region = '', count = '0', folder = ''] = process.argv.slice(2)

const KIB = 1024
const SIZES = [64 * KIB, 64 * KIB, 200_704, 512 * KIB, 3072 * KIB]
const AT_ONCE = 6

interface Kind {
  disk: string
  container: string
  /** Makes `to` of a raw disk. */
  make(raw: string, to: string): Promise<unknown>
}

const kinds: Kind[] = [
  kind('raw', (raw, to) => run('cp', [raw, to])),
  kind('qcow2', convert('qcow2')),
  kind('qcow2', convert('qcow2', '-c')),
  kind('vmdk', convert('vmdk', '-o', 'subformat=streamOptimized')),
  kind('vmdk', convert('vmdk')),
  kind('vdi', convert('vdi')),
  kind('vhd', convert('vpc')),
  kind('vhdx', convert('vhdx', '-o', 'block_size=1M')),
  kind('iso', makeIso),
  { ...kind('ami', (raw, to) => run('cp', [raw, to])), container: 'ami' },
  { ...kind('aki', (raw, to) => run('cp', [raw, to])), container: 'aki' },
  { ...kind('ari', (raw, to) => run('cp', [raw, to])), container: 'ari' },
  { disk: 'vmdk', container: 'ova', make: makeOva },
  { disk: 'raw', container: 'docker', make: (raw, to) => tar(raw, to) },
  { disk: 'qcow2', container: 'compressed', make: makeCompressed },
  { ...kind('raw', (raw, to) => run('cp', [raw, to])), container: 'ovf' },
]

function kind(disk: string, make: Kind['make']): Kind {
  return { disk, container: 'bare', make }
}

function convert(format: string, ...options: string[]): Kind['make'] {
  return (raw, to) => run('qemu-img', ['convert', '-f', 'raw', '-O', format, ...options, raw, to])
}

/** The descriptor of its volume is all that tells a CD. */
async function makeIso(raw: string, to: string): Promise<void> {
  await run('cp', [raw, to])
  const file = await open(to, 'r+')
  await file.write(Buffer.from('\x01CD001\x01\x00', 'latin1'), 0, 8, 32 * KIB)
  await file.write(Buffer.from('\xffCD001\x01\x00', 'latin1'), 0, 8, 34 * KIB)
  await file.close()
}

const tar = (path: string, to: string) =>
  run('tar', ['-cf', to, '-C', join(path, '..'), path.slice(path.lastIndexOf('/') + 1)])

async function makeOva(raw: string, to: string): Promise<void> {
  const parts = `${to}.parts`
  await mkdir(parts)
  await writeFile(join(parts, 'machine.ovf'), '<?xml version="1.0"?><Envelope/>')
  await convert('vmdk', '-o', 'subformat=streamOptimized')(raw, join(parts, 'disk.vmdk'))
  await run('tar', ['--format=ustar', '-cf', to, '-C', parts, 'machine.ovf', 'disk.vmdk'])
  await rm(parts, { recursive: true })
}

async function makeCompressed(raw: string, to: string): Promise<void> {
  await convert('qcow2')(raw, `${to}.qcow2`)
  await run('gzip', ['-c', `${to}.qcow2`], { encoding: 'buffer', maxBuffer: 8 << 20 }).then(
    ({ stdout }) => writeFile(to, stdout),
  )
  await rm(`${to}.qcow2`)
}

const admin = await logIn('admin', 'admin')
const alice = await logIn('alice', 'demo')
const bob = await logIn('bob', 'elsewhere')
const root = `${await findEndpoint(admin, region)}/v2/images`

/** A different thing for each image, so that one that is mistaken for another one is found out. */
async function makeBytes({ make }: Kind, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const raw = join(folder, `${name}.raw`)
  const to = join(folder, `${name}.made`)
  const size = SIZES[randomInt(SIZES.length)] ?? 0
  const bytes = Buffer.alloc(size)
  randomBytes(Math.ceil(size / 2)).copy(bytes)
  await writeFile(raw, bytes)
  await make(raw, to)
  const made = new Uint8Array(await readFile(to))
  await Promise.all([rm(raw), rm(to)])
  return made
}

/** What becomes of an image, by its number, so that each kind meets each of these. */
const VISIBILITIES = ['public', 'private', 'shared', 'community'] as const
const isQueued = (number: number) => number % 20 === 7
const isDeactivated = (number: number) => number % 20 === 13

async function create(number: number): Promise<ImageRecord> {
  const visibility = VISIBILITIES[number % VISIBILITIES.length] ?? 'private'
  const { disk, container } = kindOf(number)
  const isWithout = isQueued(number) && number % 3 === 0
  const document = {
    name: number % 9 === 0 ? `Ünïcode ${number} 映像` : `image ${number}`,
    ...(!isWithout && { disk_format: disk, container_format: container }),
    visibility,
    owner: number % 5 === 0 ? bob.projectId : alice.projectId,
    os_hidden: number % 11 === 0,
    protected: number % 13 === 0,
    min_disk: number % 3,
    min_ram: (number % 4) * 256,
    tags: number % 2 === 0 ? ['stable', `tag-${number}`, 'läst ønë'] : [],
    hw_disk_bus: 'virtio',
    os_distro: number % 2 === 0 ? 'debian' : 'alpine',
    description: number % 6 === 0 ? '' : `Number ${number}, with “quotes” and a\nsecond line`,
    ...(disk === 'ami' && { kernel_id: null, ramdisk_id: null }),
  }
  const body = JSON.stringify(document)
  const headers = { 'Content-Type': 'application/json' }
  return json(await asked(admin, root, { method: 'POST', body, headers }))
}

function kindOf(number: number): Kind {
  const found = kinds[number % kinds.length]
  if (found) return found
  throw new Error(`No kind for ${number}`)
}

/** With one project that has not answered yet, or has accepted, or refused. */
async function share({ id }: ImageRecord, number: number): Promise<void> {
  const headers = { 'Content-Type': 'application/json' }
  const members = `${root}/${id}/members`
  const other = number % 5 === 0 ? alice : bob
  const body = JSON.stringify({ member: other.projectId })
  await asked(admin, members, { method: 'POST', body, headers })
  const status = [null, 'accepted', 'rejected'][number % 3]
  if (!status) return
  const answer = { method: 'PUT', body: JSON.stringify({ status }), headers }
  await asked(other, `${members}/${other.projectId}`, answer)
}

async function add(number: number): Promise<void> {
  const image = await create(number)
  if (!isQueued(number)) {
    const body = await makeBytes(kindOf(number), image.id)
    const headers = { 'Content-Type': 'application/octet-stream' }
    await asked(admin, `${root}/${image.id}/file`, { method: 'PUT', body, headers })
  }
  if (image.visibility === 'shared' && number % 8 !== 2) await share(image, number)
  if (isDeactivated(number)) {
    await asked(admin, `${root}/${image.id}/actions/deactivate`, { method: 'POST' })
  }
}

await sideBySide(
  AT_ONCE,
  Array.from({ length: Number(count) }, (_, number) => number),
  add,
)
