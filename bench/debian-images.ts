/** Two builds of a Debian system that boots, as a vendor's image and its next one are. */
import { join } from 'node:path'
import type { Lab } from './lab.ts'
import { install } from './peers/packages.ts'

const NEEDS = {
  commands: ['mmdebstrap', 'mke2fs', 'qemu-img'],
  packages: ['mmdebstrap', 'e2fsprogs', 'qemu-utils'],
}
const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch
const FIRST = [`linux-image-cloud-${ARCHITECTURE}`, 'systemd-sysv', 'openssh-server', 'cloud-init']
const SECOND = [
  ...FIRST,
  'ca-certificates',
  'curl',
  'htop',
  'jq',
  'less',
  'rsync',
  'strace',
  'tmux',
]
const BUILD = `
set -euo pipefail
cd "$1"
mmdebstrap --quiet --variant=minbase --include="$2" bookworm system.tar
mkdir system
tar --directory system --extract --file system.tar
truncate --size 2G disk.raw
mke2fs -q -t ext4 -d system disk.raw
qemu-img convert -O qcow2 disk.raw disk.qcow2
rm -rf system system.tar disk.raw
`

/** Builds both as qcow2, which takes minutes; returns their paths. The second one has some more packages. */
export async function buildTwice(lab: Lab): Promise<{ first: string; second: string }> {
  await install(NEEDS, lab)
  return { first: await build(lab, FIRST), second: await build(lab, SECOND) }
}

async function build(lab: Lab, packages: string[]): Promise<string> {
  lab.tell(`Building a disk with ${packages.length} packages and what they need`)
  const folder = await lab.subfolder('disk')
  await lab.command('bash', ['-c', BUILD, 'bash', folder, packages.join(',')])
  return join(folder, 'disk.qcow2')
}
