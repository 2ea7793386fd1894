import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { cpuSeconds, memoryOf, parseStat } from '../../bench/processes.ts'

describe('what processes cost', () => {
  it('is read of a process whose name has blanks and brackets', () => {
    const fields = 'S 7 42 42 0 -1 4194304 100 0 0 0 150 50 10 5 20 0 1 0 100 0 0'
    const { pid, parent, cpu } = parseStat(`42 (a) (b c) ${fields}`)
    assert.deepEqual([pid, parent], [42, 7])
    assert.ok(Math.abs(cpu - 2.15) < 1e-9)
  })

  it('is that of all descendants', async (t) => {
    // The one that works is a grandchild, and says when it has.
    const busy = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; sleep 60'
    const child = spawn('sh', ['-c', `sh -c '${busy}' & wait`], {
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    t.after(() => process.kill(-(child.pid ?? 0), 'SIGKILL'))
    await once(child.stdout, 'data')
    const roots = [child.pid ?? 0]
    assert.ok(cpuSeconds(roots) > 0.05)
    const { rss, pss } = memoryOf(roots)
    assert.ok(rss >= pss && pss > 50_000, `${rss} and ${pss}`)
  })
})
