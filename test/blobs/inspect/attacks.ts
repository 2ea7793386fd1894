/** Images that lead a reader which takes them for what they look like to a file of its host. */
import {
  blank,
  cowDiskHeader,
  GIB,
  latin1,
  qcow2Header,
  qedHeader,
  vdiHeader,
  vhdHeader,
  vhdxHeader,
  vmdkDescriptor,
  vmdkHeader,
} from './headers.ts'

const HINT = 'parentFileNameHint="/etc/passwd"'
const FLAT = 'createType="monolithicFlat"\nRW 1 FLAT "/etc/passwd" 0\n'

export const ATTACKS: Record<string, Uint8Array> = {
  'vmdk without capacity': vmdkHeader({ capacity: 0n }),
  'vmdk with a parent behind its descriptor': vmdkHeader({
    descriptor: `${vmdkDescriptor()}${'#'.repeat(600)}\n${HINT}`,
    descriptorSectors: 1n,
  }),
  'vmdk with another createType': vmdkHeader({
    descriptor: vmdkDescriptor({ extra: 'createType=Xvmfs"' }),
  }),
  'vmdk with an extent elsewhere': vmdkHeader({
    descriptor: vmdkDescriptor({ extent: 'RW 1 FLAT "/etc/passwd" 0' }),
  }),
  'vmdk of an ESX host with a parent': cowDiskHeader(vmdkDescriptor({ extra: HINT })),
  'vmdk descriptor': latin1(vmdkDescriptor()),
  'vmdk descriptor behind odd comments': latin1(`#\xff\n \r\nversion=1\n${FLAT}`),
  'vmdk descriptor within a comment': latin1(`#createType="vmfs" ${HINT}\0\nversion=3\r\n`),
  'qcow with a backing file': qcow2Header({ version: 1, backingFile: 72n }),
  'qcow2 with a backing file': qcow2Header({ backingFile: 0x200n }),
  'qcow2 of version 2 with a backing file': qcow2Header({ version: 2, backingFile: 0x200n }),
  'qcow2 with a data file': qcow2Header({ features: 0b100n }),
  qed: qedHeader(),
  'cow of user mode Linux': latin1('OOOM\0\0\0\x02/etc/passwd'),
  'vhd with a parent': vhdHeader(BigInt(GIB), 4),
  'vhd with a parent, by its footer alone': endingWith(vhdHeader(BigInt(GIB), 4)),
  'vhdx with a parent': vhdxHeader({ hasParent: true }),
  'vhdx with a parent, behind the first chunk': vhdxHeader({
    hasParent: true,
    metadataAt: 0x280000n,
    length: 0x380000,
  }),
  'vdi with a parent': vdiHeader({ type: 4 }),
}

function endingWith(footer: Uint8Array): Uint8Array {
  const { bytes } = blank(4096)
  bytes.set(footer, bytes.length - footer.length)
  return bytes
}
