import { isZero } from '../chunks.ts'
import { HEAD_SIZE } from './head.ts'
import {
  EXTENSION_TYPES,
  extended,
  NO_EXTENSION,
  readExtension,
  unsafeExtension,
} from './tar-extension.ts'
import { BLOCK, readTarHeader, type TarHeader } from './tar-header.ts'
import { quoted, unsafeMember } from './tar-member.ts'
import { collecting, passing, skipping, type Stage, zeros } from './tar-stages.ts'

/** What looks at the content of one member. The first bytes are `HEAD_SIZE`, or all of it. */
export interface MemberInspector {
  take(bytes: Uint8Array): void
  finish(size: number): void
}

export interface OvaParts {
  /** For each file, in their order. */
  inspect: (name: string) => MemberInspector
  /** Throws the refusal. */
  refuse: (danger: string) => never
}

/** Follows the members of a tar while it goes by, whatever pieces it comes in. */
export interface OvaWalker {
  take(chunk: Uint8Array): void
  finish(): void
}

/** Headers, those of long names among them. An appliance has a dozen. */
const MAX_HEADERS = 1024

export function createOvaWalker({ inspect, refuse }: OvaParts): OvaWalker {
  let extension = NO_EXTENSION
  let headers = 0
  const { sound, refuseUnsafe } = createJudge(refuse)
  let stage = nextHeader()

  function nextHeader(): Stage {
    return collecting(BLOCK, 'a tar header', (block) => {
      // Some readers go on behind the end, so there is nothing.
      if (isZero(block)) stage = zeros(() => refuse('The ova has data behind its end'))
      else begin(sound(readTarHeader(block)))
    })
  }

  function begin(header: TarHeader): void {
    if (++headers > MAX_HEADERS) refuse(`The ova has more than ${MAX_HEADERS} members`)
    if (EXTENSION_TYPES.includes(header.type)) return extend(header)
    const member = sound(extended(header, extension))
    refuseUnsafe(unsafeMember(member))
    extension = NO_EXTENSION
    readMember(member)
  }

  function extend(header: TarHeader): void {
    refuseUnsafe(unsafeExtension(header, extension))
    const { type, size } = header
    const what = 'a tar header'
    const content = collecting(size, what, (bytes) => {
      extension = sound(readExtension(type, bytes, extension))
      pad(size)
    })
    stage = { ...content, missing: () => what }
  }

  function readMember({ name, size }: TarHeader): void {
    const member = withWholeHead(inspect(name), size)
    const then = (): void => {
      member.finish(size)
      pad(size)
    }
    stage = passing({ size, what: `its member ${quoted(name)}`, to: member.take, then })
  }

  function pad(size: number): void {
    stage = skipping((BLOCK - (size % BLOCK)) % BLOCK, () => {
      stage = nextHeader()
    })
  }

  return {
    take(chunk) {
      for (let at = 0; at < chunk.length;) at += stage.take(chunk.subarray(at))
    },
    finish() {
      const missing = stage.missing()
      if (missing !== null) refuse(`The ova ends within ${missing}`)
      if (extension !== NO_EXTENSION) refuse('The ova ends behind the name of a member')
    },
  }
}

/** What is read is what it should be, or a sentence with which it is refused. */
function createJudge(refuse: (danger: string) => never) {
  return {
    sound: <T>(found: T | string): T => (typeof found === 'string' ? refuse(found) : found),
    refuseUnsafe: (danger: string | null): void => {
      if (danger !== null) refuse(danger)
    },
  }
}

/** Keeps the first bytes until there are as many as an inspector needs. */
function withWholeHead(inspector: MemberInspector, size: number): MemberInspector {
  const wanted = Math.min(size, HEAD_SIZE)
  let head: Uint8Array | null = null
  let filled = 0

  function fill(bytes: Uint8Array): void {
    head ??= new Uint8Array(wanted)
    const part = bytes.subarray(0, wanted - filled)
    head.set(part, filled)
    filled += part.length
    if (filled < wanted) return
    inspector.take(head)
    head = null
    if (part.length < bytes.length) inspector.take(bytes.subarray(part.length))
  }

  return {
    take(bytes) {
      const isWhole = filled === wanted || (filled === 0 && bytes.length >= wanted)
      if (!isWhole) return fill(bytes)
      filled = wanted
      inspector.take(bytes)
    },
    finish: (whole) => inspector.finish(whole),
  }
}
