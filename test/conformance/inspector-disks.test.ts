/** Disks and volumes as partitioning and formatting tools make them. Needs Debian's packages. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { temporaryFolder } from '../support/site.ts'
import { refusalOf } from './inspector/refusal.ts'

const SIZE = 64 * 1024 * 1024

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let path: string
before(async () => {
  folder = await temporaryFolder()
  path = join(folder.path, 'disk.img')
})
after(() => folder.remove())

/** With what an empty disk is refused as raw after these commands, whose last argument is the disk. */
async function refusalAfter(commands: string[], nonfatal: string[] = []): Promise<string | null> {
  await writeFile(path, '')
  await truncate(path, SIZE)
  for (const command of commands) {
    const [program = '', ...args] = command.split(' ')
    const position = args.indexOf('DISK')
    if (position === -1) args.push(path)
    else args[position] = path
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
  const bytes = Uint8Array.from(await readFile(path))
  return refusalOf(bytes, {
    diskFormat: 'raw',
    containerFormat: 'bare',
    enforceMatch: true,
    nonfatal,
  })
}

describe('a volume without a partition table is taken', () => {
  it('as FAT', async () => {
    for (const options of ['', ' -F 32', ' -f 1', ' -S 4096', ' -g 255/63', ' --mbr=y']) {
      assert.equal(await refusalAfter([`mkfs.vfat${options}`]), null, options)
    }
  })

  it('as FAT of a floppy disk', async () => {
    assert.equal(await refusalAfter(['truncate -s 1440K', 'mkfs.vfat']), null)
  })

  it('as NTFS, exFAT and ext4', async () => {
    assert.equal(await refusalAfter(['mkfs.ntfs -q -F -Q']), null)
    assert.equal(await refusalAfter(['mkfs.exfat']), null)
    assert.equal(await refusalAfter(['mkfs.ext4 -q -F']), null)
  })
})

const PARTITIONED = 'sgdisk -n 1:2048:+10M -n 2:0:0'

describe('a partitioned disk', () => {
  it('is taken as sgdisk and parted make it', async () => {
    assert.equal(await refusalAfter([PARTITIONED]), null)
    assert.equal(await refusalAfter(['parted -s DISK mklabel gpt mkpart a 1MiB 10MiB']), null)
    assert.equal(
      await refusalAfter(['parted -s DISK mklabel msdos mkpart primary 1MiB 10MiB']),
      null,
    )
  })

  it('is taken with a hybrid partition table where that is not fatal', async () => {
    for (const protectiveLast of ['', ':EE']) {
      const hybrid = [PARTITIONED, `sgdisk -h 1${protectiveLast}`]
      assert.match(String(await refusalAfter(hybrid)), /partitions beside the protective one/)
      assert.equal(await refusalAfter(hybrid, ['gptmbr']), null)
      assert.equal(await refusalAfter(hybrid, ['mbr']), null)
    }
  })

  it('is taken without a partition where that is not fatal', async () => {
    const empty = ['parted -s DISK mklabel msdos']
    assert.match(String(await refusalAfter(empty)), /has no partitions/)
    assert.match(String(await refusalAfter(empty, ['gptmbr'])), /has no partitions/)
    assert.equal(await refusalAfter(empty, ['mbr']), null)
  })
})
