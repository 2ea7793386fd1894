import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createAbsences } from '../../../src/mirror/chunks/absences.ts'

describe('what is known to be absent', () => {
  it('is forgotten after a while, also when nobody asks for it again', async () => {
    const absences = createAbsences(20)
    absences.add('a')
    absences.add('b')
    assert.deepEqual([absences.has('a'), absences.has('c'), absences.count()], [true, false, 2])
    await setTimeout(40)
    absences.add('c')
    assert.deepEqual([absences.has('a'), absences.count()], [false, 1])
  })
})
