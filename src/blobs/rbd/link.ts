import { openPool, type Pool, type PoolOptions } from './pool.ts'
import { createReaders, type Readers } from './readers.ts'
import { SNAP } from './url.ts'

export interface Connection {
  pool: Pool
  readers: Readers
}

export interface Link {
  /** Connects when it is first wanted, and again after a connection was lost. */
  connection(): Promise<Connection>
  /** The id of the cluster, once it was reached. */
  fsid(): string | null
  /** Ends what is under way. */
  close(): Promise<void>
}

export function createLink(options: PoolOptions): Link {
  const ending = new Set<Promise<void>>()
  let current: Promise<Connection> | null = null
  let fsid: string | null = null
  let closed = false

  async function connect(): Promise<Connection> {
    const pool = await openPool(options)
    fsid = pool.fsid
    return { pool, readers: createReaders((name) => pool.open(name, 'read', SNAP)) }
  }

  function begin(): Promise<Connection> {
    const begun = connect()
    begun.catch(() => {
      if (current === begun) current = null
    })
    return begun
  }

  /** Lets those go on who use the connection. */
  function retire({ pool, readers }: Connection): void {
    current = null
    readers.clear()
    const ended = pool
      .end(false)
      .catch(() => undefined)
      .finally(() => ending.delete(ended))
    ending.add(ended)
  }

  return {
    fsid: () => fsid,

    async connection() {
      if (closed) throw new Error('The store is closed')
      const known = current
      if (known) {
        const connection = await known
        if (!connection.pool.isLost()) return connection
        if (current === known) retire(connection)
      }
      current ??= begin()
      return current
    },

    async close() {
      closed = true
      const connection = await current?.catch(() => null)
      connection?.readers.clear()
      await connection?.pool.end(true)
      await Promise.all(ending)
    },
  }
}
