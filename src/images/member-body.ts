import { z } from 'zod'
import { MEMBER_STATUSES } from '../../schema/tables.ts'
import { HeliostatError } from '../errors.ts'
import { refuseUnstorableCharacters } from './characters.ts'

const MAX_MEMBER = 255
const EMPTY = "Member can't be empty"

const newMember = z.object(
  {
    member: z
      .string({ error: ({ input }) => describeMember(input) })
      .min(1, EMPTY)
      .max(MAX_MEMBER, `Member has more than ${MAX_MEMBER} characters`),
  },
  { error: 'Expected a member in the form: {"member": "image_id"}' },
)

function describeMember(input: unknown): string {
  if (input === undefined) return 'Member to be added not specified'
  return input === null ? EMPTY : 'Member is not a string'
}

const statusChange = z.object(
  { status: z.unknown().refine((status) => status !== undefined, 'Status not specified') },
  { error: 'Expected a status in the form: {"status": "status"}' },
)

const memberStatus = z.enum(MEMBER_STATUSES, {
  error: 'Incorrect request: Status must be "pending", "accepted" or "rejected".',
})
export type MemberStatus = z.output<typeof memberStatus>

/** The project that an image is to be shared with. */
export function parseNewMember(body: unknown): string {
  const { member } = parse(newMember, body)
  refuseUnstorableCharacters({ member })
  return member
}

/** The status that a member asks for, whatever it is: only who may change it is told whether it is one. */
export function parseStatusChange(body: unknown): unknown {
  return parse(statusChange, body).status
}

export function parseMemberStatus(status: unknown): MemberStatus {
  return parse(memberStatus, status)
}

function parse<T>(type: z.ZodType<T>, value: unknown): T {
  const parsed = type.safeParse(value)
  if (parsed.success) return parsed.data
  throw new HeliostatError('invalid', parsed.error.issues[0]?.message ?? '')
}
