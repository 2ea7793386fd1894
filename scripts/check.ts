/** The one gate that CI and a person run: format, lint, types, dead code. Every check runs, then all failures are told. */
import { spawnSync } from 'node:child_process'

const CHECKS: Record<string, string[]> = {
  format: ['oxfmt', '--check', '.'],
  lint: ['oxlint', '--type-aware', '--deny-warnings'],
  types: ['tsc', '--noEmit', '-p', '.'],
  'dead code': ['knip'],
}

const failed = Object.entries(CHECKS).filter(([name, [command = '', ...rest]]) => {
  console.log(`\n== ${name}: ${command} ${rest.join(' ')}`)
  return spawnSync(`node_modules/.bin/${command}`, rest, { stdio: 'inherit' }).status !== 0
})

console.log(`\n${Object.keys(CHECKS).length - failed.length} passed, ${failed.length} failed`)
if (failed.length > 0) {
  console.error(`Failed: ${failed.map(([name]) => name).join(', ')}`)
  process.exit(1)
}
