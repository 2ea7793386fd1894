import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export type Answer = (incoming: IncomingMessage, outgoing: ServerResponse) => unknown

export interface VCenter {
  /** `127.0.0.1:PORT`. */
  readonly host: string
  /** Each as `PUT /folder/…` or the name of a call. */
  readonly requests: string[]
  readonly files: Map<string, Buffer>
  /** Files that a machine has open. */
  readonly locked: Set<string>
  /** What takes the next request of a method or a call, once. */
  readonly answers: Map<string, Answer>
  endSessions(): void
  close(): Promise<void>
}

const REFERENCES = ['sessionManager', 'searchIndex', 'fileManager', 'propertyCollector']

/** A small vCenter: the data center DC0 with the datastores one (full) and two. User and password are glance. Without TLS. */
export async function startVCenter(): Promise<VCenter> {
  const files = new Map<string, Buffer>()
  const locked = new Set<string>()
  const answers = new Map<string, Answer>()
  const requests: string[] = []
  const sessions = new Set<string>()
  const tasks = new Map<string, string>()

  const isKnown = ({ headers }: IncomingMessage) =>
    sessions.has(/vmware_soap_session=(\w+)/.exec(headers.cookie ?? '')?.[1] ?? '')

  function move(xml: string): string {
    const [from = '', to = ''] = [...xml.matchAll(/Name>([^<]+)</g)].map(([, name = '']) => name)
    const bytes = files.get(from)
    if (!bytes) return 'FileNotFound'
    if (files.has(to)) return 'FileAlreadyExists'
    files.delete(from)
    files.set(to, bytes)
    return ''
  }

  function remove(xml: string): string {
    const name = /<name>([^<]+)</.exec(xml)?.[1] ?? ''
    if (locked.has(name)) return 'FileLocked'
    return files.delete(name) ? '' : 'FileNotFound'
  }

  function begin(fault: string): string {
    const id = `task-${tasks.size}`
    tasks.set(id, fault)
    return `<returnval type="Task">${id}</returnval>`
  }

  const calls: Record<string, (xml: string, outgoing: ServerResponse) => string> = {
    RetrieveServiceContent: () =>
      `<returnval>${REFERENCES.map((name) => `<${name} type="T">${name}</${name}>`).join('')}</returnval>`,
    Login(xml, outgoing) {
      if (!xml.includes('<password>glance<')) return fault(outgoing, 'InvalidLogin')
      const id = randomUUID().replaceAll('-', '')
      sessions.add(id)
      outgoing.setHeader('Set-Cookie', [`vmware_soap_session=${id}; Path=/; HttpOnly`])
      return '<returnval><key>k</key></returnval>'
    },
    FindByInventoryPath: (xml) =>
      xml.includes('>DC0<') ? '<returnval type="Datacenter">dc</returnval>' : '',
    RetrieveProperties: (xml) => properties(xml, tasks),
    DeleteDatastoreFile_Task: (xml) => begin(remove(xml)),
    MoveDatastoreFile_Task: (xml) => begin(move(xml)),
  }

  async function serveCall(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const xml = (await buffer(incoming)).toString()
    const name = /<(\w+) xmlns="urn:vim25">/.exec(xml)?.[1] ?? ''
    requests.push(name)
    const instead = take(name)
    if (instead) return void instead(incoming, outgoing)
    const isOpen = ['RetrieveServiceContent', 'Login'].includes(name)
    const answer =
      isOpen || isKnown(incoming)
        ? (calls[name]?.(xml, outgoing) ?? '')
        : fault(outgoing, 'NotAuthenticated')
    outgoing.end(
      envelope(
        answer.startsWith('<Fault>') ? answer : `<${name}Response>${answer}</${name}Response>`,
      ),
    )
  }

  async function serveFile(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(incoming.url ?? '', 'https://host')
    const name = `[${searchParams.get('dsName')}] ${pathname.slice('/folder/'.length)}`
    requests.push(`${incoming.method} ${name}`)
    const instead = take(incoming.method ?? '')
    if (instead) return void instead(incoming, outgoing)
    if (!isKnown(incoming)) return void outgoing.writeHead(401).end()
    if (incoming.method === 'PUT') {
      files.set(name, await buffer(incoming))
      return void outgoing.writeHead(201).end()
    }
    sendFile(incoming, outgoing, files.get(name))
  }

  function take(name: string): Answer | undefined {
    const answer = answers.get(name)
    answers.delete(name)
    return answer
  }

  const server = createServer((incoming, outgoing) => {
    const serve = incoming.url === '/sdk' ? serveCall : serveFile
    // Who sends it may hang up.
    serve(incoming, outgoing).catch(() => outgoing.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    files,
    locked,
    answers,
    endSessions: () => sessions.clear(),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function properties(xml: string, tasks: Map<string, string>): string {
  const [, type = '', id = ''] = /<obj type="(\w+)">([^<]+)</.exec(xml) ?? []
  const values: Record<string, string> = {}
  if (type === 'Datacenter') {
    const ids = ['one', 'two'].map(
      (each) => `<ManagedObjectReference type="Datastore">${each}</ManagedObjectReference>`,
    )
    values['datastore'] = ids.join('')
  } else if (type === 'Datastore') {
    const free = id === 'one' ? '0' : '1000000'
    Object.assign(values, {
      'summary.name': id,
      'summary.accessible': 'true',
      'summary.freeSpace': free,
    })
  } else {
    const problem = tasks.get(id)
    values['info.state'] = problem ? 'error' : 'success'
    if (problem)
      values['info.error'] = `<fault xsi:type="${problem}"/><localizedMessage>no</localizedMessage>`
  }
  const set = Object.entries(values)
    .filter(([name]) => xml.includes(`<pathSet>${name}<`))
    .map(
      ([name, value]) => `<propSet><name>${name}</name><val xsi:type="x">${value}</val></propSet>`,
    )
  return `<returnval><obj type="${type}">${id}</obj>${set.join('')}</returnval>`
}

function fault(outgoing: ServerResponse, name: string): string {
  outgoing.statusCode = 500
  return `<Fault><faultcode>x</faultcode><faultstring>no</faultstring><detail><${name}Fault/></detail></Fault>`
}

function envelope(body: string): string {
  const schemas =
    'xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
  return `<s:Envelope ${schemas}><s:Body>${body}</s:Body></s:Envelope>`
}

function sendFile(
  { method, headers }: IncomingMessage,
  outgoing: ServerResponse,
  bytes?: Buffer,
): void {
  if (!bytes) return void outgoing.writeHead(404).end()
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
  const first = Number(from ?? 0)
  const last = Math.min(Number(to ?? Infinity), bytes.length - 1)
  if (from !== undefined && first > last) return void outgoing.writeHead(416).end()
  const part = bytes.subarray(first, last + 1)
  outgoing.setHeader('Last-Modified', 'Fri, 01 Jan 2021 00:00:00 GMT')
  outgoing.setHeader('Content-Length', part.length)
  if (from !== undefined)
    outgoing.setHeader('Content-Range', `bytes ${first}-${last}/${bytes.length}`)
  outgoing.writeHead(from === undefined ? 200 : 206).end(method === 'HEAD' ? undefined : part)
}
