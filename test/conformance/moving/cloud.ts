/** A cloud as its users see it: Keystone at $KEYSTONE, where every user's password is his name. */

const KEYSTONE = `${process.env.KEYSTONE}/v3`
const PATIENCE_MS = 30_000

export interface User {
  token: string
  projectId: string
}

interface Issued {
  token: { project: { id: string } }
}

interface Catalog {
  catalog: { type: string; endpoints: { region: string; interface: string; url: string }[] }[]
}

export type ImageRecord = { [key: string]: unknown } & {
  id: string
  status: string
  visibility: string
  size: number | null
}

export async function logIn(name: string, project: string): Promise<User> {
  const domain = { id: 'default' }
  const auth = {
    scope: { project: { name: project, domain } },
    identity: { methods: ['password'], password: { user: { name, password: name, domain } } },
  }
  const answer = await fetch(`${KEYSTONE}/auth/tokens`, {
    method: 'POST',
    body: JSON.stringify({ auth }),
    headers: { 'Content-Type': 'application/json' },
  })
  const { token } = await json<Issued>(answer)
  return { token: answer.headers.get('X-Subject-Token') ?? '', projectId: token.project.id }
}

/** Where the image service of a region is now. */
export async function findEndpoint(user: User, region: string): Promise<string> {
  const { catalog } = await json<Catalog>(await ask(user, `${KEYSTONE}/auth/catalog`))
  const endpoints = catalog.find(({ type }) => type === 'image')?.endpoints ?? []
  const found = endpoints.find((one) => one.region === region && one.interface === 'public')
  if (found) return found.url
  throw new Error(`The catalog has no image service in ${region}`)
}

export function ask(user: User, url: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  headers.set('X-Auth-Token', user.token)
  return fetch(url, { ...init, headers, signal: AbortSignal.timeout(PATIENCE_MS) })
}

/** Whatever is asked for has to succeed. */
export async function asked(user: User, url: string, init: RequestInit = {}): Promise<Response> {
  const answer = await ask(user, url, init)
  if (answer.ok) return answer
  const method = init.method ?? 'GET'
  throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`)
}

export async function json<T>(answer: Response): Promise<T> {
  if (answer.ok) return (await answer.json()) as T
  throw new Error(`${answer.url}: ${answer.status} ${await answer.text()}`)
}

/** All that the user is shown by the query, of every page. */
export async function listImages(
  user: User,
  endpoint: string,
  query: string,
): Promise<ImageRecord[]> {
  const found: ImageRecord[] = []
  let next: string | undefined = `/v2/images?limit=500&${query}`
  while (next !== undefined) {
    const page: { images: ImageRecord[]; next?: string } = await json(
      await asked(user, endpoint + next),
    )
    found.push(...page.images)
    next = page.next
  }
  return found
}

/** All images of a cloud, for an administrator. */
export async function listEverything(user: User, endpoint: string): Promise<ImageRecord[]> {
  const shown = await listImages(user, endpoint, 'visibility=all')
  return [...shown, ...(await listImages(user, endpoint, 'visibility=all&os_hidden=true'))]
}

/** Does something with each value, so many at once. */
export async function sideBySide<T>(
  atOnce: number,
  values: readonly T[],
  work: (value: T) => Promise<void>,
): Promise<void> {
  const left = [...values]
  const workers = Array.from({ length: atOnce }, async () => {
    for (let value = left.shift(); value !== undefined; value = left.shift()) await work(value)
  })
  await Promise.all(workers)
}
