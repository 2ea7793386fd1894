import type { ErrorFormat } from './accept.ts'

interface StatusText {
  reason: string
  /** Absent where the text depends on the request, such as on its method. */
  sentence?: string
}

/** In the words of Glance, whose 413 and 416 have the names they had before RFC 9110. */
const STATUS_TEXTS: Readonly<Record<number, StatusText>> = {
  300: { reason: 'Multiple Choices' },
  302: { reason: 'Found' },
  400: {
    reason: 'Bad Request',
    sentence:
      'The server could not comply with the request since ' +
      'it is either malformed or otherwise incorrect.',
  },
  401: {
    reason: 'Unauthorized',
    sentence:
      'This server could not verify that you are authorized to ' +
      'access the document you requested. Either you supplied the wrong ' +
      'credentials (e.g., bad password), or your browser does not ' +
      'understand how to supply the credentials required.',
  },
  403: { reason: 'Forbidden', sentence: 'Access was denied to this resource.' },
  404: { reason: 'Not Found', sentence: 'The resource could not be found.' },
  405: { reason: 'Method Not Allowed' },
  408: { reason: 'Request Timeout' },
  409: {
    reason: 'Conflict',
    sentence: 'There was a conflict when trying to complete your request.',
  },
  410: {
    reason: 'Gone',
    sentence: 'This resource is no longer available. No forwarding address is given.',
  },
  412: { reason: 'Precondition Failed', sentence: 'Request precondition failed.' },
  413: {
    reason: 'Request Entity Too Large',
    sentence: 'The body of your request was too large for this server.',
  },
  415: { reason: 'Unsupported Media Type' },
  416: {
    reason: 'Request Range Not Satisfiable',
    sentence: 'The Range requested is not available.',
  },
  431: {
    reason: 'Request Header Fields Too Large',
    sentence: 'The request header fields were too large.',
  },
  500: {
    reason: 'Internal Server Error',
    sentence: 'The server has either erred or is incapable of performing the requested operation.',
  },
  501: { reason: 'Not Implemented' },
  502: { reason: 'Bad Gateway', sentence: 'Bad gateway.' },
  503: {
    reason: 'Service Unavailable',
    sentence: 'The server is currently unavailable. Please try again at a later time.',
  },
  504: { reason: 'Gateway Timeout', sentence: 'The gateway has timed out.' },
}

interface ErrorBody {
  contentType: string
  body: string
}

/** An error as Glance writes it, blanks included: openstacksdk and Tempest read these shapes. */
export function errorBody(
  format: ErrorFormat,
  status: number,
  title: string,
  detail: string,
): ErrorBody {
  return WRITERS[format](`${status} ${title}`, title, detail)
}

/** The words after the code in a status line, which are also the title of an error. */
export function reasonPhrase(status: number): string {
  return STATUS_TEXTS[status]?.reason ?? 'Unknown'
}

/** What an error without a detail of its own says; null where there is no such sentence. */
export function standardSentence(status: number): string | null {
  return STATUS_TEXTS[status]?.sentence ?? null
}

type Writer = (code: string, title: string, detail: string) => ErrorBody

const WRITERS: Readonly<Record<ErrorFormat, Writer>> = {
  text: (code, _title, detail) => ({
    contentType: 'text/plain; charset=UTF-8',
    body: `${code}\n\n${detail}\n\n   `,
  }),

  html: (code, _title, detail) => ({
    contentType: 'text/html; charset=UTF-8',
    body: htmlPage(escapeHtml(code), escapeHtml(detail)),
  }),

  json: (code, title, detail) => ({
    contentType: 'application/json',
    body: JSON.stringify({ message: `${detail}<br /><br />\n\n\n`, code, title }),
  }),
}

function htmlPage(heading: string, detail: string): string {
  return `<html>
 <head>
  <title>${heading}</title>
 </head>
 <body>
  <h1>${heading}</h1>
  ${detail}<br /><br />



 </body>
</html>`
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#x27;')
}
