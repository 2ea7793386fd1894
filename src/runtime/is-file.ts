import { stat } from 'node:fs/promises'

/** Also false of a file that may not be looked for. */
export async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}
