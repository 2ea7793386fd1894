import { codeOf } from '../error-code.ts'
import { ConfigError } from '../errors.ts'
import { shownMistake } from '../masking.ts'
import { reasonOf } from '../reason.ts'

type Address = { bind_host: string; bind_port: number }

/** What an operator can mend of an error of listening, in words; any other error as it is. */
export function listeningError(error: unknown, address: Address): unknown {
  const sentence = SENTENCES[reasonCode(error)]?.(
    shownMistake(address.bind_host),
    address.bind_port,
  )
  return sentence === undefined ? error : new ConfigError(sentence)
}

/** Deno gives no code to a name that it cannot look up. */
function reasonCode(error: unknown): string {
  return reasonOf(error).includes('lookup address') ? 'ENOTFOUND' : codeOf(error)
}

type Sentence = (host: string, port: number) => string

const unknownName: Sentence = (host) =>
  `[DEFAULT] bind_host: "${host}" is no address, and no name that is known here: give an address by --host`

const SENTENCES: Record<string, Sentence> = {
  EADDRINUSE: (host, port) =>
    `[DEFAULT] bind_port: ${port} is taken on ${host}: stop what listens there, or give another by --port`,
  EACCES: (_, port) =>
    `[DEFAULT] bind_port: this user may not listen on ${port}: give one above 1023 by --port, ` +
    'or the service the capability CAP_NET_BIND_SERVICE',
  EADDRNOTAVAIL: (host) =>
    `[DEFAULT] bind_host: ${host} is no address of this machine: give one that is by --host, or 0.0.0.0 for all`,
  ENOTFOUND: unknownName,
  EAI_AGAIN: unknownName,
}
