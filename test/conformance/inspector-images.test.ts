import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { temporaryFolder } from '../support/site.ts'
import { createImage } from './inspector/qemu-img.ts'
import { refusalOf } from './inspector/refusal.ts'

const LUKS_KEY = ['--object', 'secret,id=key,data=passphrase']

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let path: string
let source: string
before(async () => {
  folder = await temporaryFolder()
  path = join(folder.path, 'disk image (1)')
  source = join(folder.path, 'source')
  await writeFile(source, Buffer.concat([randomBytes(1024 * 1024), Buffer.alloc(1024 * 1024)]))
})
after(() => folder.remove())

async function refusalOfFile(diskFormat: string): Promise<string | null> {
  const bytes = Uint8Array.from(await readFile(path))
  return refusalOf(bytes, { diskFormat, containerFormat: 'bare', enforceMatch: true })
}

/** Makes the image with each list of options, of the data and empty. */
async function assertTaken(diskFormat: string, format: string, options: string[]): Promise<void> {
  for (const option of options) {
    const args = ['-f', format, ...(option === '' ? [] : ['-o', option])]
    await createImage(path, ['create', '-q', ...args, path, '64M'])
    assert.equal(await refusalOfFile(diskFormat), null, `created with ${option}`)
    const output = ['-O', format, ...args.slice(2), source, path]
    await createImage(path, ['convert', '-f', 'raw', ...output])
    assert.equal(await refusalOfFile(diskFormat), null, `converted with ${option}`)
  }
}

describe('an image of qemu-img that needs no other file is taken', () => {
  it('as qcow2', async () => {
    await assertTaken('qcow2', 'qcow2', [
      '',
      'compat=0.10',
      'compat=1.1,lazy_refcounts=on,refcount_bits=64',
      'cluster_size=512',
      'cluster_size=2M,preallocation=metadata',
      'compression_type=zstd',
      'preallocation=falloc',
    ])
  })

  it('as qcow2 with encryption, snapshots and bitmaps', async () => {
    const encryption = 'encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10'
    await createImage(path, [
      'create',
      '-q',
      ...LUKS_KEY,
      '-f',
      'qcow2',
      '-o',
      encryption,
      path,
      '1M',
    ])
    assert.equal(await refusalOfFile('qcow2'), null)
    await createImage(path, ['convert', '-c', '-f', 'raw', '-O', 'qcow2', source, path])
    await createImage(path, ['snapshot', '-c', 'first', path])
    await createImage(path, ['bitmap', '--add', path, 'changes'])
    assert.equal(await refusalOfFile('qcow2'), null)
  })

  it('as qcow2 that had a backing file once', async () => {
    await createImage(path, ['create', '-q', '-f', 'qcow2', '-b', source, '-F', 'raw', path])
    assert.match(String(await refusalOfFile('qcow2')), /has a backing file/)
    await createImage(path, ['rebase', '-f', 'qcow2', '-b', '', path])
    assert.equal(await refusalOfFile('qcow2'), null)
  })

  it('as vmdk', async () => {
    for (const subformat of ['monolithicSparse', 'streamOptimized']) {
      await assertTaken('vmdk', 'vmdk', [
        `subformat=${subformat}`,
        `subformat=${subformat},compat6=on`,
        `subformat=${subformat},adapter_type=lsilogic,hwversion=13`,
        `subformat=${subformat},adapter_type=legacyESX`,
        `subformat=${subformat},zeroed_grain=on,toolsversion=12345`,
      ])
    }
  })

  it('as vhd, vhdx and vdi', async () => {
    await assertTaken('vhd', 'vpc', ['subformat=dynamic', 'subformat=dynamic,force_size=on'])
    await assertTaken('vhdx', 'vhdx', ['', 'subformat=fixed', 'block_size=1M,log_size=2M'])
    await assertTaken('vdi', 'vdi', ['', 'static=on'])
  })

  it('as raw, whatever it is', async () => {
    await assertTaken('raw', 'qcow2', [''])
    await assertTaken('raw', 'vmdk', [''])
    await assertTaken('raw', 'vpc', ['subformat=fixed', 'subformat=dynamic'])
    await assertTaken('raw', 'vhdx', [''])
    await assertTaken('raw', 'vdi', [''])
    await assertTaken('raw', 'raw', [''])
    await assertTaken('ploop', 'parallels', [''])
    await createImage(path, [
      'create',
      '-q',
      ...LUKS_KEY,
      '-f',
      'luks',
      '-o',
      'key-secret=key,iter-time=10',
      path,
      '1M',
    ])
    assert.equal(await refusalOfFile('raw'), null)
  })
})

describe('an image of qemu-img that needs another file is refused', () => {
  it('as vmdk of several files, and of a parent', async () => {
    const base = join(folder.path, 'base.vmdk')
    await createImage(path, ['create', '-q', '-f', 'vmdk', base, '1M'])
    for (const subformat of ['monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat']) {
      await createImage(path, [
        'create',
        '-q',
        '-f',
        'vmdk',
        '-o',
        `subformat=${subformat}`,
        path,
        '1M',
      ])
      assert.match(String(await refusalOfFile('vmdk')), /only a descriptor/, subformat)
    }
    await createImage(path, ['create', '-q', '-f', 'vmdk', '-b', base, '-F', 'vmdk', path])
    assert.match(String(await refusalOfFile('vmdk')), /has a parent file/)
  })

  it('as qcow2 with a data file', async () => {
    const data = join(folder.path, 'data')
    const options = ['-o', `data_file=${data},data_file_raw=on`]
    await createImage(path, ['create', '-q', '-f', 'qcow2', ...options, path, '1M'])
    assert.match(String(await refusalOfFile('qcow2')), /has an external data file/)
  })
})
