/** What qemu finds anywhere in the text, in a comment or a value as well: nothing but its own line may mention it. */
const KEYWORDS = 'createtype|parentfilenamehint|parentcid'

/** The keys that VMware's tools, VirtualBox and qemu write. Those that name a parent or a side file are none of them. */
const DATABASE_KEYS = [
  'adapterType',
  'comment',
  'deletable',
  'encoding',
  String.raw`fcd\.\w+`,
  String.raw`geometry\.(?:bios)?(?:cylinders|heads|sectors)`,
  'longContentID',
  'thinProvisioned',
  'toolsInstallType',
  'toolsVersion',
  String.raw`uuid(?:\.image|\.modification)?`,
  'virtualHWVersion',
  'virtualSSD',
].join('|')

type LineKind = 'createType' | 'extent' | 'other'

/** The forms that a line may have, written as the tools write them; a line of no form is refused. */
const FORMS: readonly { kind: LineKind; form: RegExp }[] = [
  { kind: 'other', form: /^$/ },
  { kind: 'other', form: new RegExp(`^#(?!.*(?:${KEYWORDS}))[^\\r]*$`, 'i') },
  { kind: 'other', form: /^version=\d{1,2}$/ },
  { kind: 'other', form: /^encoding="[\w-]*"$/ },
  // Some converters write the number in decimal.
  { kind: 'other', form: /^CID=[\da-fA-F]{1,10}$/ },
  { kind: 'other', form: /^parentCID=ffffffff$/ },
  { kind: 'other', form: /^isNativeSnapshot="no"$/ },
  { kind: 'createType', form: /^createType="(?:monolithicSparse|streamOptimized)"$/ },
  // The name is that which the file had when it was made. It is no path, stream or protocol, so it leads nowhere else.
  { kind: 'extent', form: /^(?:RW|RDONLY) [1-9]\d{0,18} SPARSE "[^"/\\:\r]+"$/ },
  {
    kind: 'other',
    form: new RegExp(`^ddb\\.(?:${DATABASE_KEYS}) ?= ?"(?!.*(?:${KEYWORDS}))[^"\\r]*"$`, 'i'),
  },
  { kind: 'other', form: /^ddb\.uuid\.parent(?:modification)? ?= ?"[0-]*"$/ },
]

const EXTENT = String.raw`^\s*(?:rw|rdonly|noaccess)\s`

/** What is said of a line of no form; the first that fits. */
const OFFENCES: readonly { offence: RegExp; sentence: string }[] = [
  { offence: /createtype/i, sentence: 'The vmdk subformat is not allowed' },
  { offence: /parent/i, sentence: 'The vmdk image has a parent file' },
  { offence: new RegExp(`${EXTENT}.*[/\\\\:]`, 'i'), sentence: 'A vmdk extent names a path' },
  { offence: new RegExp(EXTENT, 'i'), sentence: 'The vmdk image has an extent in another file' },
]

/**
 * What is dangerous about a descriptor (`null` if there is none).
 * Readers disagree on case, blanks and what a comment is, so only lines are let through that all of them read alike.
 */
export function unsafeDescriptor(descriptor: string | null): string | null {
  if (!descriptor) return 'The vmdk image has no descriptor'
  if (!/^[\t\n\r\x20-\x7e]*$/.test(descriptor)) return 'The vmdk descriptor is not ASCII text'
  const lines = descriptor.split('\n').map(withoutTrailingBlanks)
  const kinds = lines.map(kindOf)
  const unknown = lines[kinds.indexOf(null)]
  if (unknown !== undefined) return sentenceOf(unknown)
  const count = (wanted: LineKind) => kinds.filter((kind) => kind === wanted).length
  if (count('createType') !== 1) return 'The vmdk subformat is not allowed'
  const extents = count('extent')
  if (extents === 0) return 'The vmdk descriptor has no extents'
  return extents === 1 ? null : 'The vmdk image has more than one extent'
}

/** Not by an expression, which would begin anew at each of a million blanks. */
function withoutTrailingBlanks(line: string): string {
  let end = line.length
  while (end > 0 && ' \t\r'.includes(line.charAt(end - 1))) end--
  return line.slice(0, end)
}

function kindOf(line: string): LineKind | null {
  return FORMS.find(({ form }) => form.test(line))?.kind ?? null
}

function sentenceOf(line: string): string {
  const known = OFFENCES.find(({ offence }) => offence.test(line))
  return known?.sentence ?? 'The vmdk descriptor has an invalid line'
}
