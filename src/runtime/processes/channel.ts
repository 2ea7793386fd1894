/** The channel between a worker and its supervisor, at the side of the worker. */
import cluster from 'node:cluster'
import type { FromWorker, ToWorker } from './messages.ts'

type Kind = ToWorker['kind']
type Of<K extends Kind> = Extract<ToWorker, { kind: K }>

export interface Channel {
  /** What nobody is left to hear is dropped. */
  send(message: FromWorker): void
  on<K extends Kind>(kind: K, handle: (message: Of<K>) => void): void
  /** Calls back when the supervisor is gone. */
  onLost(handle: () => void): void
}

export function openChannel(): Channel {
  let isOpen = true
  cluster.worker?.once('disconnect', () => {
    isOpen = false
    // Or Node would end this process at once, and every running request with it.
    if (cluster.worker) cluster.worker.exitedAfterDisconnect = true
  })
  return {
    send(message) {
      if (isOpen) process.send?.(message, undefined, undefined, () => undefined)
    },
    on(kind, handle) {
      process.on('message', (message: ToWorker) => {
        if (isOfKind(message, kind)) handle(message)
      })
    },
    onLost: (handle) => void cluster.worker?.once('disconnect', handle),
  }
}

function isOfKind<K extends Kind>(message: ToWorker, kind: K): message is Of<K> {
  return message.kind === kind
}
