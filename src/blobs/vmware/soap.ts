import { XMLParser } from 'fast-xml-parser'
import { z } from 'zod'

/** A reference to an object of the server, such as a data center or a task. */
export interface Reference {
  type: string
  id: string
}

/** A call that the server has refused. */
export class VimFault extends Error {
  override readonly name = 'VimFault'
  /** Such as `InvalidLogin`; empty where it is not told. */
  readonly fault: string

  constructor(fault: string, message: string) {
    super(message)
    this.fault = fault
  }
}

const parser = new XMLParser({
  removeNSPrefix: true,
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  isArray: (name) => ['returnval', 'propSet', 'ManagedObjectReference'].includes(name),
})

export const reference: z.ZodType<Reference> = z
  .object({ '#text': z.string(), '@type': z.string() })
  .transform((value) => ({ type: value['@type'], id: value['#text'] }))

const envelope = z.object({ Envelope: z.object({ Body: z.record(z.string(), z.unknown()) }) })
const answer = z.object({ returnval: z.array(z.unknown()).default([]) })
const fault = z.object({ faultstring: z.string().catch(''), detail: z.unknown() })

/** The element of a call; what it holds is XML already. */
export function callOf(method: string, on: Reference, content = ''): string {
  const target = `<_this type="${on.type}">${escaped(on.id)}</_this>`
  return `<${method} xmlns="urn:vim25">${target}${content}</${method}>`
}

export function element(name: string, text: string): string {
  return `<${name}>${escaped(text)}</${name}>`
}

export function referenceElement(name: string, { type, id }: Reference): string {
  return `<${name} type="${type}">${escaped(id)}</${name}>`
}

function escaped(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

const ENVELOPE = 'http://schemas.xmlsoap.org/soap/envelope/'

export function envelopeOf(call: string): string {
  const body = `<Body>${call}</Body>`
  return `<?xml version="1.0" encoding="UTF-8"?><Envelope xmlns="${ENVELOPE}">${body}</Envelope>`
}

/** What a call has returned. Throws a VimFault, or a sentence for what is no answer of the API. */
export function returned(xml: string): unknown[] {
  // No server declares entities: one that does means no good.
  if (xml.includes('<!DOCTYPE')) throw new Error('answers with a document type: wanted SOAP')
  const { data } = envelope.safeParse(parsed(xml))
  if (!data) throw new Error('answers with something that is no SOAP: is it a vCenter?')
  const [[name, body] = ['', {}]] = Object.entries(data.Envelope.Body).filter(
    ([key]) => !key.startsWith('@'),
  )
  if (name === 'Fault') throw faultOf(body)
  return answer.safeParse(body).data?.returnval ?? []
}

function parsed(xml: string): unknown {
  try {
    return parser.parse(xml)
  } catch {
    return null
  }
}

function faultOf(body: unknown): VimFault {
  const { data } = fault.safeParse(body)
  const detail = z.record(z.string(), z.unknown()).safeParse(data?.detail).data ?? {}
  const [name = ''] = Object.keys(detail).filter((key) => !key.startsWith('@'))
  return new VimFault(name.replace(/Fault$/, ''), data?.faultstring ?? '')
}
