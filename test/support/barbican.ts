/** A stand-in for Barbican: has the secrets that a test puts into it, for who has the right token. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'

interface Secret {
  payload: string
  /** A type of Barbican, `certificate` unless it is given. */
  type?: string
  contentType?: string
}

export type TestBarbican = Awaited<ReturnType<typeof startBarbican>>

/** With a key and a certificate it speaks TLS. */
export async function startBarbican(tls?: { key: string; cert: string }) {
  const barbican = {
    url: '',
    /** By id. */
    secrets: new Map<string, Secret>(),
    /** Whom it knows; anybody when it is null. */
    token: null as string | null,
    /** What it answers to everything, where that is wanted. */
    status: null as number | null,
    /** Each request, with the token that came with it. */
    requests: [] as { path: string; token: string | undefined }[],
    async close(): Promise<void> {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }

  const respond: RequestListener = ({ url = '', headers }, outgoing) => {
    const token = headers['x-auth-token']?.toString()
    barbican.requests.push({ path: url, token })
    const end = (status: number, type: string, body: string) => {
      outgoing.writeHead(status, { 'Content-Type': type })
      outgoing.end(body)
    }
    const refuse = (status: number) => end(status, 'application/json', `{"code": ${status}}`)
    if (barbican.status !== null) return refuse(barbican.status)
    if (barbican.token !== null && token !== barbican.token) return refuse(401)
    const [, id = '', payload] = /^\/v1\/secrets\/([^/]+)(\/payload)?$/.exec(url) ?? []
    const secret = barbican.secrets.get(id)
    if (!secret) return refuse(404)
    const { type = 'certificate', contentType = 'application/octet-stream' } = secret
    if (payload === undefined) {
      const described = { secret_type: type, content_types: { default: contentType } }
      return end(200, 'application/json', JSON.stringify({ ...described, status: 'ACTIVE' }))
    }
    if (headers.accept !== contentType) return refuse(406)
    return end(200, contentType, secret.payload)
  }
  const server = tls ? createSecureServer(tls, respond) : createServer(respond)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  barbican.url = `${tls ? 'https' : 'http'}://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  return barbican
}
