import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  compareDownload,
  MIB,
  startEdge,
  startOrigin,
  temporaryFolders,
  untilActive,
  wholeDownload,
} from '../support/mirrors.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { createRaw, show, upload } from './data.ts'

/** Makes Node answer for MD5 as it does with an OpenSSL in FIPS mode, which has to be there from its start. */
const WITHOUT_MD5 = `
const crypto = require('node:crypto')
const { createHash } = crypto
crypto.createHash = (algorithm, ...rest) => {
  if (/^md5$/i.test(algorithm)) {
    const error = new Error('error:0308010C:digital envelope routines::unsupported')
    throw Object.assign(error, { code: 'ERR_OSSL_EVP_UNSUPPORTED' })
  }
  return createHash(algorithm, ...rest)
}
require('node:module').syncBuiltinESMExports()
`

describe('a machine without MD5', () => {
  const bytes = randomData(2 * MIB)
  let folders: Awaited<ReturnType<typeof temporaryFolders>>
  let env: Record<string, string>
  let origin: RunningProcess
  let edge: RunningProcess
  let id: string

  before(async () => {
    folders = await temporaryFolders(3)
    const preload = join(folders.paths[2] ?? '', 'without-md5.cjs')
    await writeFile(preload, WITHOUT_MD5)
    env = { NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --require ${preload}` }
  })
  after(async () => {
    await Promise.all([edge.kill(), origin.kill()])
    await folders.remove()
  })

  it('does not start as an origin that would refuse each upload, and says what to do', async () => {
    await assert.rejects(
      startOrigin(folders.paths[0] ?? '', env),
      /\[heliostat\] checksum: got "md5", which this machine does not have.*Wanted "none"/,
    )
  })

  it('takes images in without a checksum where that is wanted [204]', async () => {
    const options = { ...env, HELIOSTAT_HELIOSTAT__CHECKSUM: 'none' }
    origin = await startOrigin(folders.paths[0] ?? '', options)
    id = await createRaw(origin.url)
    assert.equal((await upload(origin.url, id, bytes)).status, 204)
    const image = await show(origin.url, id)
    assert.deepEqual([image.status, image.checksum, image.os_hash_algo], ['active', null, 'sha512'])
    await assertServed(origin.url)
  })

  it('serves them as an edge as well, whatever its options', async () => {
    edge = await startEdge(folders.paths[1] ?? '', origin.url, env)
    await untilActive(edge.url, id)
    assert.equal((await show(edge.url, id)).checksum, null)
    await assertServed(edge.url)
    const { cached_images: cached } = await (await fetch(`${edge.url}/v2/cache`)).json()
    assert.deepEqual([cached.length, cached[0].checksum], [1, null])
  })

  async function assertServed(url: string): Promise<void> {
    const path = `/v2/images/${id}/file`
    assert.deepEqual(await compareDownload(url, bytes, { path }), wholeDownload(bytes.length))
    const { headers } = await fetch(url + path, { headers: { Range: 'bytes=0-9' } })
    assert.equal(headers.get('Content-MD5'), null)
    assert.match(headers.get('Repr-Digest') ?? '', /^sha-512=/)
  }
})
