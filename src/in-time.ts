/** Stands for a result that has not come in time. */
export const LATE = Symbol('late')

/** Waits for work at most so long (ms). What is late goes on, and nobody hears how it ends. */
export async function inTime<T>(work: Promise<T>, milliseconds: number): Promise<T | typeof LATE> {
  if (milliseconds === Infinity) return work
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
