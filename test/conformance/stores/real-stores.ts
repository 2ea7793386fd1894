/** The stores that run.sh has started: the options of a service for them, and what lies in them as their own clients see it. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { env } from 'node:process'
import { promisify } from 'node:util'
import { AwsClient } from 'aws4fetch'

const run = promisify(execFile)
const LARGEST_OBJECT = 64 << 20

type Options = Record<string, string>

const ceph = env['CEPH_FOLDER']
const swift = env['SWIFT_FOLDER']

/** Why tests of these stores are skipped, if they are. */
export const skip =
  ceph === undefined || swift === undefined ? 'run.sh has started no stores' : false

/** What a script has written about a store. */
function variablesOf(folder = '', file: string): Record<string, string | undefined> {
  const lines = readFileSync(join(folder, file), 'utf8').trim().split('\n')
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)))
}

export const cephConf = () => join(ceph ?? '', 'ceph.conf')
export const s3Url = () => variablesOf(ceph, 'rgw')['s3_url'] ?? ''
export const swiftUrl = () => new URL(swiftAccount().address).origin

function swiftAccount() {
  const {
    swift_auth_url: address = '',
    swift_user: user = '',
    swift_key: key = '',
  } = variablesOf(swift, 'swift')
  return { address, user, key }
}

function s3Keys() {
  const { s3_access_key: accessKeyId = '', s3_secret_key: secretAccessKey = '' } = variablesOf(
    ceph,
    'rgw',
  )
  return { accessKeyId, secretAccessKey }
}

/** The options of a store of kind "rbd". */
export const rbdOptions = (conf = cephConf()): Options => ({
  rbd_store_user: 'glance',
  rbd_store_ceph_conf: conf,
})

/** The options of a store of kind "s3" in the gateway of Ceph, or in what stands before it. */
export const s3Options = (bucket: string, url = s3Url()): Options => ({
  s3_store_host: url,
  s3_store_access_key: s3Keys().accessKeyId,
  s3_store_secret_key: s3Keys().secretAccessKey,
  s3_store_bucket: bucket,
  s3_store_create_bucket_on_put: 'true',
})

/** The options of a store of kind "swift", or in what stands before it. */
export const swiftOptions = (container: string, url = swiftUrl()): Options => ({
  swift_store_auth_version: '1',
  swift_store_auth_address: swiftAccount().address.replace(swiftUrl(), url),
  swift_store_user: swiftAccount().user,
  swift_store_key: swiftAccount().key,
  swift_store_container: container,
  swift_store_create_container_on_put: 'true',
})

/** Objects as a client of the store sees them, not the service. */
export interface Client {
  names(): Promise<string[]>
  read(name: string): Promise<Buffer>
}

const CHUNKS = 'chunks/'

const okBytes = async (asked: Promise<Response>): Promise<Buffer> => {
  const response = await asked
  const bytes = Buffer.from(await response.arrayBuffer())
  if (response.ok) return bytes
  throw new Error(`${response.url} answers ${response.status}: ${bytes}`)
}

/** All pages of a listing; `page` gives the one behind a name. */
async function allPages(page: (after: string) => Promise<string[]>): Promise<string[]> {
  const names: string[] = []
  for (;;) {
    const more = await page(names.at(-1) ?? '')
    if (more.length === 0) return names
    names.push(...more)
  }
}

/** The chunks in a bucket, by their digests. */
export function s3Client(
  bucket: string,
): Client & { write(name: string, bytes: Buffer): Promise<void> } {
  const client = new AwsClient({ ...s3Keys(), region: 'us-east-1', service: 's3', retries: 0 })
  const ask = (path: string, init?: RequestInit) =>
    okBytes(client.fetch(`${s3Url()}/${bucket}${path}`, init))
  return {
    names: () =>
      allPages(async (after) => {
        const start = after && `&start-after=${encodeURIComponent(CHUNKS + after)}`
        const listed = await ask(`?list-type=2&prefix=${encodeURIComponent(CHUNKS)}${start}`)
        return [...String(listed).matchAll(/<Key>chunks\/([^<]*)/g)].map(([, name = '']) => name)
      }),
    read: (name) => ask(`/${CHUNKS}${name}`),
    async write(name, bytes) {
      await ask(`/${CHUNKS}${name}`, { method: 'PUT', body: new Uint8Array(bytes) })
    },
  }
}

/** The chunks in a container, by their digests. */
export async function swiftClient(container: string): Promise<Client> {
  const { address, user, key } = swiftAccount()
  const login = await fetch(address, { headers: { 'X-Auth-User': user, 'X-Auth-Key': key } })
  const headers = { 'X-Auth-Token': login.headers.get('X-Auth-Token') ?? '' }
  const root = `${login.headers.get('X-Storage-Url')}/${container}`
  const ask = (path: string) => okBytes(fetch(`${root}${path}`, { headers }))
  return {
    names: () =>
      allPages(async (after) => {
        const listed = await ask(`?prefix=${CHUNKS}&marker=${after && CHUNKS + after}`)
        return String(listed)
          .split('\n')
          .filter((name) => name !== '')
          .map((name) => name.slice(CHUNKS.length))
      }),
    read: (name) => ask(`/${CHUNKS}${name}`),
  }
}

/** The images of the pool. */
export function rbdClient(conf = cephConf()): Client & { run(...args: string[]): Promise<string> } {
  const options = { encoding: 'buffer' as const, maxBuffer: LARGEST_OBJECT, timeout: 60_000 }
  const ask = async (...args: string[]): Promise<Buffer> =>
    (await run('rbd', ['--conf', conf, '--id', 'glance', ...args], options)).stdout
  return {
    run: async (...args) => String(await ask(...args)).trim(),
    names: async () =>
      String(await ask('ls', 'images'))
        .split('\n')
        .filter((name) => name !== ''),
    read: (name) => ask('export', '--no-progress', `images/${name}@snap`, '-'),
  }
}
