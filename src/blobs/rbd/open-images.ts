import { ENOENT, type Require } from './ceph-error.ts'
import { createCompletions } from './completions.ts'
import { type Image, useImage } from './image.ts'
import { type Library, made, type Pointer } from './library.ts'

export interface OpenImages {
  /** Null where there is no such image, or no such snapshot of it. */
  open(name: string, how: 'read' | 'write', snap: string | null): Promise<Image | null>
  /** Opens none any more, and resolves when those that are open are closed; with `now` it closes them. */
  end(now: boolean): Promise<void>
}

/** The images of a pool that are open by one connection. */
export function createOpenImages(library: Library, io: Pointer, require: Require): OpenImages {
  const completions = createCompletions(library, require)
  const images = new Set<Image>()
  const parts = { library, completions, require }
  let opening = 0
  let ended = false
  let tellEmpty: () => void = () => undefined
  const empty = new Promise<void>((resolve) => {
    tellEmpty = resolve
  })

  const look = () => {
    if (ended && opening === 0 && images.size === 0) tellEmpty()
  }

  async function use(pointer: Pointer, name: string): Promise<Image> {
    const image = await useImage(parts, pointer, name).catch(async (error: unknown) => {
      await library.settle('rbd_close', pointer)
      throw error
    })
    let closing: Promise<void> | undefined
    const tracked = {
      ...image,
      close() {
        closing ??= image.close().finally(() => {
          images.delete(tracked)
          look()
        })
        return closing
      },
    }
    images.add(tracked)
    if (!ended) return tracked
    await tracked.close()
    throw closed()
  }

  return {
    async open(name, how, snap) {
      if (ended) throw closed()
      const open = how === 'read' ? 'rbd_open_read_only' : 'rbd_open'
      const out: (Pointer | null)[] = [null]
      opening++
      try {
        const result = await library.wait(open, io, name, out, snap)
        if (result === -ENOENT) return null
        require(result, `open the image "${name}"`)
        return await use(made(out), name)
      } finally {
        opening--
        look()
      }
    },

    async end(now) {
      ended = true
      look()
      if (now) await Promise.all([...images].map((image) => image.close()))
      await empty
      completions.close()
    },
  }
}

const closed = () => new Error('The connection to Ceph is closed')
