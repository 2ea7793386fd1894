import assert from 'node:assert/strict'
import type { TestSite } from './site.ts'

type Site = Pick<TestSite, 'request'>

export interface Request {
  body?: unknown
  headers?: Record<string, string>
}

/** A request below `/v2/metadefs`; its body is sent as JSON unless it is text, and errors come as JSON. */
export function metadefs(
  site: Site,
  method: string,
  path: string,
  { body, headers = {} }: Request = {},
): Promise<Response> {
  return site.request(`/v2/metadefs/${path}`, {
    method,
    headers: { Accept: 'application/json', ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
}

/** The body of an answer that must have this status. */
export async function bodyOf(response: Response, status: number) {
  const text = await response.text()
  assert.equal(response.status, status, text)
  return text === '' ? null : JSON.parse(text)
}

/** What an error says, and its status. */
export async function refusal(response: Response): Promise<[status: number, message: string]> {
  const { message } = JSON.parse(await response.text())
  return [response.status, String(message).replace('<br /><br />\n\n\n', '')]
}

let count = 0

/** A namespace that is there before a test looks at something else; its name. */
export async function createNamespace(
  site: Site,
  attributes: Record<string, unknown> = {},
  headers = {},
): Promise<string> {
  count += 1
  const body = { namespace: `OS::Test::${count}`, ...attributes }
  const response = await metadefs(site, 'POST', 'namespaces', { body, headers })
  return (await bodyOf(response, 201)).namespace
}
