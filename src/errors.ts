/** Every way a request can be refused, with the HTTP status that tells it. */
const STATUS_BY_CODE = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'request-timeout': 408,
  conflict: 409,
  gone: 410,
  'precondition-failed': 412,
  'too-large': 413,
  'unsupported-media-type': 415,
  'range-not-satisfiable': 416,
  'headers-too-large': 431,
  internal: 500,
  'not-implemented': 501,
  unavailable: 503,
} as const

export type ErrorCode = keyof typeof STATUS_BY_CODE

export interface ErrorOptions {
  /** What really happened: logged, never sent. */
  cause?: unknown
  /** Response headers that belong to this refusal, such as `Allow`. */
  headers?: Record<string, string>
}

/** A refusal or failure whose message may be shown to the client. Anything else thrown is answered with a bare 500. */
export class HeliostatError extends Error {
  override readonly name = 'HeliostatError'
  readonly code: ErrorCode
  readonly headers: Record<string, string>

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.headers = options.headers ?? {}
  }

  get status(): number {
    return STATUS_BY_CODE[this.code]
  }
}

/** All that is wrong with a configuration, in one message for the operator. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}
