import { blank, latin1, vmdkTail } from '../../blobs/inspect/headers.ts'
import { ALL_ONES, type Field, HUGE, joined, mutateFields, put } from './fields.ts'
import type { Random } from './random.ts'

const USUAL_KEYWORD_END = '="'
const KEYWORD_ENDS = ['=X"', '= "', ' ="', '=', '']
const HINTS = [
  'parentFileNameHint',
  'parentFileNameHint',
  'parentFileNameHint',
  'parentfilenamehint',
]
const CREATE_TYPES = ['createType', 'createType', 'createType', 'createtype', 'createTyp']
const SUBFORMATS = ['monolithicSparse', 'streamOptimized', 'seSparse', 'custom']
/** Those that qemu takes of a descriptor alone. */
const SPREAD_SUBFORMATS = [
  'monolithicFlat',
  'vmfs',
  'vmfsSparse',
  'twoGbMaxExtentSparse',
  'twoGbMaxExtentFlat',
]
const ACCESSES = ['rw', 'RDONLY', 'NOACCESS', ' RW', '\tRW']
const EXTENT_TYPES = [
  'FLAT',
  'FLAT',
  'FLAT',
  'SPARSE',
  'VMFS',
  'VMFSSPARSE',
  'SESPARSE',
  'flat',
  'ZERO',
]
const SEPARATORS = ['\t', '  ', '\n', '\r', '\x0b']
const SECTORS = ['1', '20480', '0', '-1', '99999999999']
const ODD_CHARACTERS = ['\0', '\r', '\n', '\t', ' ', '"', '=', '#', '\xff', '\x0b', '\x1b']
const HARMLESS_LINES = [
  '# Change Tracking File',
  '# Indicates no parent',
  'encoding="UTF-8"',
  'isNativeSnapshot="no"',
  'ddb.toolsVersion = "2147483647"',
  'ddb.uuid = "60 00 C2 97 ee 00 4e ed-cb 09 ab 10 91 3f 7f 99"',
  'ddb.uuid.parent="00000000-0000-0000-0000-000000000000"',
  'ddb.comment=""',
  '',
]

const HEADER: readonly Field[] = [
  { at: 4, bytes: 4, values: [0, 1, 2, 3, 4, 0xffffffff] },
  { at: 8, bytes: 4, values: [0, 1, 3, 7, 0x30001] },
  { at: 12, bytes: 8, values: [0, 0, 1, 20_480, 1n << 32n, HUGE, ALL_ONES] },
  { at: 20, bytes: 8, values: [0, 1, 8, 128, 1n << 40n] },
  { at: 28, bytes: 8, values: [0, 1, 1, 2, 20, 128, HUGE] },
  { at: 36, bytes: 8, values: [0, 1, 2, 20, 21, 2048, HUGE, ALL_ONES] },
  { at: 44, bytes: 4, values: [0, 1, 512, 513] },
  { at: 48, bytes: 8, values: [0, 1, 21, HUGE] },
  { at: 56, bytes: 8, values: [0, 21, 26, ALL_ONES] },
  { at: 77, bytes: 2, values: [0, 1, 2] },
]

/** As qemu needs it for an extent of an old ESX host: two entries of a grain directory in the second sector. */
const COW_DISK: readonly Field[] = [
  { at: 4, bytes: 4, values: [1, 2] },
  { at: 12, bytes: 4, values: [0, 8192, 0xffffffff] },
  { at: 16, bytes: 4, values: [0, 1, 128] },
  { at: 20, bytes: 4, values: [0, 1, 30] },
  { at: 24, bytes: 4, values: [0, 2, 0xffffffff] },
]

/** A sparse extent of one file, as qemu-img made it, with lines that are none of its own. */
export function mutateVmdk(skeleton: Uint8Array, names: readonly string[], random: Random) {
  const bytes = skeleton.slice()
  bytes.fill(0, 512, 512 + 20 * 512)
  put(bytes, 512, descriptorOf(names, random))
  if (random.chance(0.2)) makeDescriptorCount(bytes, names, random)
  else if (random.chance(0.2)) hideBehindDescriptor(bytes, names, random)
  mutateFields(
    bytes,
    { fields: HEADER, most: random.pick([0, 0, 1, 2]), littleEndian: true },
    random,
  )
  if (random.chance(0.02)) put(bytes, 0, random.pick(['COWD', 'kdmv', 'VMDK']))
  if (random.chance(0.9)) return bytes
  const tail = vmdkTail({
    version: bytes[4] ?? 1,
    capacity: random.pick([0n, 20_480n, 2048n, 1n]),
    descriptorSector: random.pick([1n, 1n, 2n]),
    marker: random.pick([3, 3, 3, 1]),
  })
  return joined(bytes, tail, new Uint8Array(random.pick([0, 0, 1, 512])))
}

/** Without a capacity the image is a descriptor alone for qemu. */
function makeDescriptorCount(bytes: Uint8Array, names: readonly string[], random: Random): void {
  bytes.fill(0, 12, 20)
  const type = `createType${keywordEnd(random)}${random.pick(SPREAD_SUBFORMATS)}"`
  put(bytes, 512, `CID=1\nparentCID=ffffffff\n${type}\n${extentLine(names, random)}\n`)
}

/** Behind the sectors that the header allots to the descriptor, qemu reads on. */
function hideBehindDescriptor(bytes: Uint8Array, names: readonly string[], random: Random): void {
  const sectors = random.pick([1, 1, 2, 20])
  new DataView(bytes.buffer).setUint32(36, sectors, true)
  const text = descriptorOf(names, random)
  const padding = random.pick(['\n', '#', ' ']).repeat(Math.max(sectors * 512 - text.length, 0))
  put(bytes, 512, `${text}${padding}\n${oddLine(names, random)}\n`)
}

export function mutateCowDisk(names: readonly string[], random: Random): Uint8Array {
  const { bytes, text } = blank(64 * 512)
  text(0, random.chance(0.8) ? 'COWD' : random.pick(['cowd', 'DWOC', '\0OWD']))
  for (const [at, value] of [
    [4, 1],
    [12, 8192],
    [16, 128],
    [20, 30],
    [24, 2],
  ] as const) {
    new DataView(bytes.buffer).setUint32(at, value, true)
  }
  mutateFields(bytes, { fields: COW_DISK, most: 1, littleEndian: true }, random)
  const hint = random.chance(0.5) ? `${hintLine(names, random)}\n` : ''
  put(bytes, 512, hint + descriptorOf(names, random))
  return bytes
}

/** A descriptor without an image, behind what qemu's probe goes past, and what it does not. */
export function mutateDescriptorFile(names: readonly string[], random: Random): Uint8Array {
  const type = random.chance(0.7) ? random.pick(SPREAD_SUBFORMATS) : random.pick(SUBFORMATS)
  const lines = [
    'CID=1',
    'parentCID=ffffffff',
    random.chance(0.9) ? `createType${keywordEnd(random)}${type}"` : 'license="free"',
    random.chance(0.8) ? extentLine(names, random) : '',
    random.chance(0.6) ? hintLine(names, random) : '',
  ]
  const start = startOfText(names, random) + startOfText(names, random)
  const text = start + random.pick(VERSIONS) + lines.join('\n')
  return latin1(
    `${random.chance(0.1) ? withOddCharacter(text, random) : text}\n`.padEnd(1024, '\n'),
  )
}

const VERSIONS = [
  'version=1\n',
  'version=1\n',
  'version=1\n',
  'version=1\n',
  'version=2\n',
  'version=3\r\n',
  'version=4\n',
  'Version=1\n',
  '',
]
const STARTS = [
  '# Disk DescriptorFile\n',
  '#\xff\xfe comment\n',
  '#\0\n',
  '  \n',
  ' \r\n',
  '\n',
  '\t\n',
  `#${'x'.repeat(600)}\n`,
  'x',
  '\x7fELF\n',
]

function startOfText(names: readonly string[], random: Random): string {
  if (random.chance(0.7)) return ''
  if (random.chance(0.8)) return random.pick(STARTS)
  // All that qemu wants to know, before the end of the text and within a comment.
  const type = `createType="${random.pick(SPREAD_SUBFORMATS)}"`
  return `#${type} ${hintLine(names, random)} CID=1 parentCID=1${random.pick(['\0', '', '\xff\0'])}\n`
}

export function descriptorOf(names: readonly string[], random: Random): string {
  const lines = [
    '# Disk DescriptorFile',
    'version=1',
    'CID=4d3c2b1a',
    'parentCID=ffffffff',
    `createType="${random.pick(['monolithicSparse', 'streamOptimized'])}"`,
    '',
    '# Extent description',
    `${random.pick(['RW', 'RDONLY'])} 20480 SPARSE "${random.pick(['disk.vmdk', 'secret.vmdk'])}"`,
    '#DDB',
    'ddb.adapterType = "ide"',
    'ddb.geometry.cylinders = "20"',
  ]
  const oddities = random.pick([0, 1, 2, 2, 3, 3])
  for (let time = 0; time < oddities; time++) addOddity(lines, names, random)
  const text = lines.join(random.pick(['\n', '\n', '\r\n']))
  return `${text}${random.pick(['', '\n', '\n'])}${random.pick(['', '', ' ', '\0'])}`
}

function addOddity(lines: string[], names: readonly string[], random: Random): void {
  const at = random.below(lines.length + 1)
  const kind = random.below(8)
  if (kind < 2) lines.splice(at, 0, random.pick(HARMLESS_LINES))
  else if (kind < 5) lines.splice(at, 0, oddLine(names, random))
  else if (kind === 5) lines.splice(at, 1, withOddCharacter(lines[at] ?? '', random))
  else if (kind === 6) lines.push(filler(random), oddLine(names, random))
  else lines.splice(at, 1, oddLine(names, random))
}

function filler(random: Random): string {
  return random.pick(['\0', '\n', '#', ' ', 'x']).repeat(random.pick([1, 600, 2000, 9000]))
}

function oddLine(names: readonly string[], random: Random): string {
  const line = random.pick([
    hintLine,
    hintLine,
    hintLine,
    (_: readonly string[], other: Random) => createTypeLine(other),
    extentLine,
    (_: readonly string[], other: Random) =>
      `parentCID=${other.pick(['ffffffff', '0', 'FFFFFFFE'])}`,
    (list: readonly string[], other: Random) => `changeTrackPath="${other.pick(list)}"`,
  ])(names, random)
  return random.pick(['', '', '', '# ', '#', 'ddb.comment = "', ' ']) + line
}

function mostly<T>(usual: T, others: readonly T[], random: Random): T {
  return random.chance(0.8) ? usual : random.pick(others)
}

function keywordEnd(random: Random): string {
  return mostly(USUAL_KEYWORD_END, KEYWORD_ENDS, random)
}

function hintLine(names: readonly string[], random: Random): string {
  const end = random.chance(0.9) ? '"' : ''
  return `${random.pick(HINTS)}${keywordEnd(random)}${random.pick(names)}${end}`
}

function createTypeLine(random: Random): string {
  const type = random.pick([...SUBFORMATS, ...SPREAD_SUBFORMATS])
  return `${random.pick(CREATE_TYPES)}${keywordEnd(random)}${type}"`
}

function extentLine(names: readonly string[], random: Random): string {
  const type = random.pick(EXTENT_TYPES)
  const offset = random.chance(0.8) ? [] : [random.pick(['0', '1', '-1'])]
  const parts = [
    mostly('RW', ACCESSES, random),
    mostly('8', SECTORS, random),
    type,
    `"${random.pick(names)}"`,
    ...(type === 'FLAT' && random.chance(0.9) ? ['0'] : offset),
  ]
  return parts.join(mostly(' ', SEPARATORS, random))
}

function withOddCharacter(line: string, random: Random): string {
  const at = random.below(line.length + 1)
  return line.slice(0, at) + random.pick(ODD_CHARACTERS) + line.slice(at)
}
