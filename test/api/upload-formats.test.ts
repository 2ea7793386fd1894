import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { FILE_SYSTEMS } from '../blobs/inspect/file-systems.ts'
import {
  GIB,
  latin1,
  PROTECTIVE,
  qcow2Header,
  vhdxHeader,
  vmdkHeader,
  withPartitions,
} from '../blobs/inspect/headers.ts'
import { MANIFEST, OVF, tar, tarHeader, together } from '../blobs/inspect/tars.ts'
import {
  BARE_QCOW2,
  BARE_RAW,
  createImage,
  errorMessage,
  showImage,
  uploadData,
} from '../support/images.ts'
import { SMALL_CHUNKS } from '../support/options.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

const MIB = 1024 * 1024
const HYBRID = withPartitions([PROTECTIVE, { type: 0x83 }])
const OLD_START = withPartitions([{ type: 0xee, chs: [0, 1, 0] }])
const EMPTY_LABEL = withPartitions([])
const INVALID_FLAG = withPartitions([{ boot: 0x12, type: 0x83 }])

let site: TestSite
before(async () => {
  site = await createTestSite()
})
after(() => site.close())

/** Status and text of the answer, as one line; the text is empty where the image has become active. */
async function put(to: TestSite, attributes: object, bytes: Uint8Array): Promise<string> {
  const { id } = await createImage(to, { ...attributes })
  const response = await uploadData(to, id, Uint8Array.from(bytes))
  const text = response.status === 204 ? '' : ` ${await errorMessage(response)}`
  const { status } = await showImage(to, id)
  assert.equal(status, response.status === 204 ? 'active' : 'queued')
  return `${response.status}${text}`
}

const putEmpty = (attributes: object, to = site) => put(to, attributes, new Uint8Array())

describe('an upload of no bytes', () => {
  it('is refused where the format has a header (415)', async () => {
    for (const format of ['qcow2', 'iso', 'vmdk', 'vdi', 'vhd', 'vhdx']) {
      assert.equal(
        await putEmpty({ disk_format: format, container_format: 'bare' }),
        `415 Image disk_format ${format} does not match stream data raw`,
      )
    }
  })

  it('is taken where the format has none, or the container is another (204)', async () => {
    for (const format of ['raw', 'ami', 'ari', 'aki', 'ploop']) {
      assert.equal(await putEmpty({ disk_format: format, container_format: 'bare' }), '204')
    }
    assert.equal(await putEmpty({ disk_format: 'qcow2', container_format: 'ovf' }), '204')
  })

  it('is taken as the snapshot of a server that boots from a volume, by its mapping (204)', async () => {
    const mapping = '[{"boot_index": 0, "snapshot_id": "a", "source_type": "snapshot"}]'
    const snapshot = { ...BARE_QCOW2, root_device_name: '/dev/vda', block_device_mapping: mapping }
    assert.equal(await putEmpty(snapshot), '204')
    assert.equal(await putEmpty({ ...BARE_QCOW2, bdm_v2: 'True' }), '204')
    assert.equal(
      await put(site, snapshot, Uint8Array.of(1)),
      '415 Image disk_format qcow2 does not match stream data raw',
    )
  })

  it('is taken when the site does not ask for a match (204)', async () => {
    const lenient = await createTestSite({ DEFAULT: { require_image_format_match: 'false' } })
    assert.equal(await putEmpty(BARE_QCOW2, lenient), '204')
    await lenient.close()
  })
})

describe('an upload of a raw image', () => {
  it('may be a file system without a partition table (204)', async () => {
    for (const [name, bytes] of Object.entries(FILE_SYSTEMS)) {
      assert.equal(await put(site, BARE_RAW, bytes), '204', name)
    }
  })

  it('is refused with a partition table that is not as it should be (415)', async () => {
    assert.equal(
      await put(site, BARE_RAW, HYBRID),
      '415 Image failed safety checks: The partition table has partitions beside the protective one',
    )
    assert.equal(
      await put(site, BARE_RAW, OLD_START),
      '415 Image failed safety checks: The protective partition starts at CHS 0,1,0, wanted 0,2,0',
    )
    assert.equal(
      await put(site, BARE_RAW, EMPTY_LABEL),
      '415 Image failed safety checks: The partition table has no partitions',
    )
  })

  it('may have any partition table where those checks are not fatal (204)', async () => {
    const lenient = await createTestSite({
      image_format: { gpt_safety_checks_nonfatal: 'mbr, gptmbr' },
    })
    for (const bytes of [HYBRID, OLD_START, EMPTY_LABEL, INVALID_FLAG]) {
      assert.equal(await put(lenient, BARE_RAW, bytes), '204')
    }
    await lenient.close()
  })

  it('may have a GPT that is not as it should be where only that is not fatal (204)', async () => {
    const lenient = await createTestSite({ image_format: { gpt_safety_checks_nonfatal: 'gptmbr' } })
    assert.equal(await put(lenient, BARE_RAW, HYBRID), '204')
    assert.equal(await put(lenient, BARE_RAW, OLD_START), '204')
    assert.match(await put(lenient, BARE_RAW, EMPTY_LABEL), /^415 .*no partitions/)
    await lenient.close()
  })
})

describe('an upload of a vhdx', () => {
  it('tells the size of the disk, whatever the size of the chunks (204)', async () => {
    const bytes = vhdxHeader({ metadataAt: BigInt(2 * MIB), length: 4 * MIB })
    for (const options of [SMALL_CHUNKS, { heliostat: { chunk_size: '2MB' } }, {}]) {
      const other = await createTestSite(options)
      const { id } = await createImage(other, { disk_format: 'vhdx', container_format: 'bare' })
      assert.equal((await uploadData(other, id, Uint8Array.from(bytes))).status, 204)
      assert.equal((await showImage(other, id)).virtual_size, GIB)
      await other.close()
    }
  })
})

const OVA = { disk_format: 'vmdk', container_format: 'ova' }
const REFUSED = '415 Image failed safety checks: '

describe('an upload of an ova', () => {
  it('is taken with its disks, and what is no tar with anything (204)', async () => {
    const disk = { name: 'disk1.vmdk', content: vmdkHeader() }
    assert.equal(await put(site, OVA, tar([OVF, MANIFEST, disk])), '204')
    assert.equal(
      await put(site, OVA, tar([OVF, disk, { ...disk, name: 'disk2.vmdk' }], 10_240)),
      '204',
    )
    assert.equal(await put(site, OVA, latin1('no tar at all')), '204')
    assert.equal(await putEmpty(OVA), '204')
  })

  it('is refused with what leads out of it (415)', async () => {
    assert.equal(
      await put(site, OVA, tar([OVF, { name: '../../etc/cron.d/a' }])),
      `${REFUSED}The ova member "../../etc/cron.d/a" leads out of its folder`,
    )
    assert.equal(
      await put(site, OVA, tar([OVF, { name: 'disk.vmdk', type: '2', link: '/etc/shadow' }])),
      `${REFUSED}The ova member "disk.vmdk" is a symbolic link`,
    )
    assert.equal(
      await put(site, OVA, tar([OVF, { name: 'disk.vmdk', size: 10 * MIB }])),
      `${REFUSED}The ova ends within its member "disk.vmdk"`,
    )
  })

  it('is refused with a disk that leads to another file, whatever the size of the chunks (415)', async () => {
    const filler = {
      name: 'disk1.vmdk',
      content: together([vmdkHeader(), new Uint8Array(3 * MIB)]),
    }
    const content = qcow2Header({ backingFile: 0x200n })
    const bytes = tar([OVF, filler, { name: 'disk2.qcow2', content }])
    for (const options of [SMALL_CHUNKS, { heliostat: { chunk_size: '2MB' } }, {}]) {
      const other = await createTestSite(options)
      assert.equal(
        await put(other, OVA, bytes),
        `${REFUSED}The qcow2 image has a backing file, in the ova member "disk2.qcow2"`,
      )
      await other.close()
    }
  })

  it('is refused when it is a disk as well (415)', async () => {
    assert.equal(
      await put(site, OVA, together([tarHeader({ name: 'QFI\xfb' }), new Uint8Array(1024)])),
      `${REFUSED}The image is both ova and qcow2`,
    )
  })
})

describe('an upload in another container, or of no disk', () => {
  it('is taken, whatever it holds that leads nowhere (204)', async () => {
    const linked = tar([{ name: 'a', type: '2', link: '/etc/shadow' }])
    for (const container of ['ami', 'ari', 'aki', 'docker', 'compressed', 'ovf']) {
      assert.equal(
        await put(site, { disk_format: 'raw', container_format: container }, linked),
        '204',
      )
    }
    assert.equal(await put(site, { disk_format: 'ploop', container_format: 'bare' }, linked), '204')
  })

  it('is refused when a reader that probes it is led to another file (415)', async () => {
    const attack = qcow2Header({ backingFile: 0x200n })
    for (const container of ['ami', 'ari', 'aki', 'docker', 'compressed', 'ovf']) {
      assert.equal(
        await put(site, { disk_format: 'raw', container_format: container }, attack),
        `${REFUSED}The qcow2 image has a backing file`,
      )
    }
  })
})
