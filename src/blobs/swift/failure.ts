import { reasonOf } from '../../reason.ts'
import { isPassingStatus, retryAfterOf } from '../remote/patience.ts'

/** Refusals that pass, besides those that any server has: clocks that differ, bytes damaged on their way, too many requests. */
const PASSING = [409, 422, 498]

/** A request that has failed, as it may be shown: it names the server and the container, and nothing that is secret. */
export class SwiftError extends Error {
  override readonly name = 'SwiftError'
  /** Of Swift's answer; 0 where none came, or half of one, and where the login failed. */
  readonly status: number
  /** Whether the same may go well a moment later. */
  readonly isPassing: boolean
  /** When to ask again, in milliseconds. */
  readonly retryAfter: number | null

  constructor(message: string, about: Pick<SwiftError, 'isPassing'> & Partial<About>) {
    super(message)
    this.isPassing = about.isPassing
    this.status = about.status ?? 0
    this.retryAfter = about.retryAfter ?? null
  }
}

type About = Pick<SwiftError, 'status' | 'retryAfter'>

export function hasStatus(error: unknown, status: number): boolean {
  return error instanceof SwiftError && error.status === status
}

/** Whether a server that says so may say something else a moment later. */
export function passes(status: number): boolean {
  return PASSING.includes(status) || isPassingStatus(status)
}

/** What a request is for (`read "owner"`), and where it goes. */
export interface Context {
  purpose: string
  /** The server as it may be shown: without the account. */
  server: string
  container: string
  /** Null for the container itself. */
  key: string | null
}

/** Of an answer that is not the one hoped for, whose body is thrown away: it is a page of HTML. */
export async function refusalOf(response: Response, context: Context): Promise<SwiftError> {
  await response.body?.cancel().catch(() => undefined)
  const { status, headers } = response
  const transaction = /^[\w-]{1,80}$/.exec(headers.get('X-Trans-Id') ?? '')
  const answer = transaction ? `${status}, transaction ${transaction[0]}` : `${status}`
  return new SwiftError(sentence(context, `${whyRefused(status, context)} (${answer})`), {
    status,
    isPassing: passes(status),
    retryAfter: retryAfterOf(headers),
  })
}

/** Of a connection that failed, or an answer that is none. */
export function brokenBy(error: unknown, context: Context): SwiftError {
  return new SwiftError(sentence(context, `fails: ${reasonOf(error)}`), { isPassing: true })
}

/** Of an answer that is not to the question, and would be the same again. */
export function unfit(error: unknown, context: Context): SwiftError {
  return new SwiftError(sentence(context, reasonOf(error)), { isPassing: false })
}

function sentence({ purpose, server, container }: Context, why: string): string {
  return `Cannot ${purpose}: container "${container}" at ${server} ${why}`
}

function whyRefused(status: number, { key }: Context): string {
  if (status === 404 && key === null) {
    return 'does not exist: create it, or set swift_store_create_container_on_put'
  }
  return REASONS[status] ?? (status < 400 ? 'is elsewhere' : 'answers with an error')
}

const REASONS: Record<number, string> = {
  401: 'refuses a token that was renewed a moment ago',
  403: 'does not allow this to the user: check the roles of swift_store_user',
  404: 'has no such object, or does not exist',
  413: 'has no room for it: look at the quotas of the account and the container',
  416: 'has not that many bytes of it',
  422: 'has got other bytes than were sent',
  507: 'has no room for it',
}
