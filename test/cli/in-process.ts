import { mock } from 'node:test'
import { createProgram } from '../../src/cli/program.ts'
import { reasonOf } from '../../src/reason.ts'

/** Runs a command in this process, and takes what it prints: text, unlike what the test runner writes. */
export async function runHere(...args: string[]) {
  const printed = { stdout: '', stderr: '' }
  const taken = (['stdout', 'stderr'] as const).map((name) => {
    const write = process[name].write.bind(process[name])
    return mock.method(process[name], 'write', (data: string | Uint8Array) => {
      if (typeof data !== 'string') return write(data)
      printed[name] += data
      return true
    })
  })
  try {
    await (await createProgram()).parseAsync(args, { from: 'user' })
  } catch (error) {
    printed.stderr += reasonOf(error)
    process.exitCode = 1
  } finally {
    for (const { mock } of taken) mock.restore()
  }
  const code = process.exitCode ?? 0
  process.exitCode = undefined
  return { code, ...printed }
}
