import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mix } from './mixture.ts'
import { mutateQcow, mutateQcow2, mutateQed } from './qcow-grammar.ts'
import { createImage, MARKER } from './qemu-img.ts'
import type { Random } from './random.ts'
import { mutateVdi, mutateVhd, mutateVhdx } from './virtual-disk-grammar.ts'
import { mutateCowDisk, mutateDescriptorFile, mutateVmdk } from './vmdk-grammar.ts'

export interface Family {
  /** The disk format that an owner would declare. */
  diskFormat: string
  /** The same for qemu. */
  qemuFormat: string
  /** Whether qemu follows references of this format; others do for all of them. */
  isFollowed: boolean
  make: (random: Random) => Uint8Array
}

type Mutate = (skeleton: Uint8Array, names: readonly string[], random: Random) => Uint8Array

/** What `qemu-img create` makes the skeletons with. */
const SKELETONS = {
  qcow2: [
    ['-f', 'qcow2'],
    ['-f', 'qcow2', '-o', 'compat=0.10'],
    ['-f', 'qcow2', '-o', 'cluster_size=512,lazy_refcounts=on'],
    ['-f', 'qcow2', '-o', 'cluster_size=2M,compression_type=zstd'],
  ],
  qcow: [['-f', 'qcow']],
  qed: [['-f', 'qed']],
  vmdk: [
    ['-f', 'vmdk', '-o', 'subformat=monolithicSparse'],
    ['-f', 'vmdk', '-o', 'subformat=monolithicSparse,compat6=on'],
    ['-f', 'vmdk', '-o', 'subformat=streamOptimized'],
  ],
  vpc: [
    ['-f', 'vpc', '-o', 'subformat=dynamic'],
    ['-f', 'vpc', '-o', 'subformat=fixed'],
  ],
  vhdx: [['-f', 'vhdx', '-o', 'block_size=1M']],
  vdi: [
    ['-f', 'vdi'],
    ['-f', 'vdi', '-o', 'static=on'],
  ],
} as const

/** Bytes: a VHDX reserves more behind its metadata, which is of no use here. */
const LONGEST_SKELETON = 13 * 256 * 1024

type Skeletons = Record<keyof typeof SKELETONS, Uint8Array[]>

async function createSkeletons(folder: string): Promise<Skeletons> {
  const made: Skeletons = { qcow2: [], qcow: [], qed: [], vmdk: [], vpc: [], vhdx: [], vdi: [] }
  const path = join(folder, 'skeleton')
  for (const format of Object.keys(made) as (keyof Skeletons)[]) {
    for (const args of SKELETONS[format]) {
      await createImage(path, ['create', '-q', ...args, path, '1M'])
      const bytes = await readFile(path)
      made[format].push(Uint8Array.from(bytes.subarray(0, LONGEST_SKELETON)))
    }
  }
  return made
}

/** Files that an image might lead to: one of no format, and one of each format that qemu would ask for. */
async function createSecrets(folder: string): Promise<string[]> {
  const raw = join(folder, 'secret.raw')
  await writeFile(raw, MARKER.repeat(1000))
  for (const format of ['vmdk', 'qcow2']) {
    const path = join(folder, `secret.${format}`)
    await createImage(path, ['convert', '-O', format, '-f', 'raw', raw, path])
  }
  return ['secret.raw', 'secret.vmdk', 'secret.qcow2', raw, join(folder, 'secret.vmdk')]
}

export async function createFamilies(folder: string): Promise<Record<string, Family>> {
  const skeletons = await createSkeletons(folder)
  const names = await createSecrets(folder)
  const from = (list: readonly Uint8Array[], mutate: Mutate) => (random: Random) =>
    mutate(random.pick(list), names, random)
  const followed = { isFollowed: true }
  const unfollowed = { isFollowed: false }
  const vmdk = { diskFormat: 'vmdk', qemuFormat: 'vmdk', ...followed }
  const families: Record<string, Family> = {
    qcow2: { ...named('qcow2'), ...followed, make: from(skeletons.qcow2, mutateQcow2) },
    qcow: { ...named('qcow'), ...followed, make: from(skeletons.qcow, mutateQcow) },
    qed: { ...named('qed'), ...followed, make: from(skeletons.qed, mutateQed) },
    vmdk: { ...vmdk, make: from(skeletons.vmdk, mutateVmdk) },
    cowDisk: { ...vmdk, make: (random) => mutateCowDisk(names, random) },
    descriptor: { ...vmdk, make: (random) => mutateDescriptorFile(names, random) },
    vhd: {
      diskFormat: 'vhd',
      qemuFormat: 'vpc',
      ...unfollowed,
      make: from(skeletons.vpc, mutateVhd),
    },
    vhdx: { ...named('vhdx'), ...unfollowed, make: from(skeletons.vhdx, mutateVhdx) },
    vdi: { ...named('vdi'), ...unfollowed, make: from(skeletons.vdi, mutateVdi) },
  }
  const others = Object.values(families)
  const make = (random: Random) => mix(random.pick(others).make(random), names, random)
  return { ...families, mixture: { ...vmdk, make } }
}

function named(format: string) {
  return { diskFormat: format, qemuFormat: format }
}
