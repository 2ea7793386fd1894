export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Tells an operator what is wrong. */
export function printError(message: string): void {
  process.stderr.write(`heliostat: ${message}\n`)
}

/** What is printed for somebody is of no use without him: `heliostat … | head` ends, and is no failure. */
export function endWithReader(): void {
  process.stdout.on('error', (error: Error & { code?: string }) => {
    if (error.code === 'EPIPE') process.exit()
    printError(`Cannot print: ${error.message}`)
    process.exit(1)
  })
}

/** A server goes on whoever reads what it prints, and wherever that is written. */
export function goOnWithoutReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error').on('error', () => undefined)
  }
}
