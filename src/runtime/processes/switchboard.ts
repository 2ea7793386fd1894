/** Where the calls of workers go: to the lead, to all of them, or to all others. */
import type { Numbers } from './calls.ts'
import { createKeptNumbers } from './kept-numbers.ts'
import type { Call, FromWorker, Outcome } from './messages.ts'
import { createQuestions } from './questions.ts'
import { isLeading, isServing, type Slot } from './slot.ts'

/** How long a worker has to answer what all of them are asked. */
const ANSWER_MS = 1_000

type Said = Extract<FromWorker, { kind: `ask-${string}` | 'tell-others' | 'outcome' }>

export interface Switchboard {
  heard(from: Slot, message: Said): void
  isReady(slot: Slot): void
  isGone(worker: number): void
}

export function createSwitchboard(slots: Slot[]): Switchboard {
  const questions = createQuestions(slots)
  const kept = createKeptNumbers()

  function askOne(slot: Slot, call: Call): Promise<unknown> {
    return new Promise((resolve) => {
      if (!isServing(slot)) return resolve(null)
      setTimeout(resolve, ANSWER_MS, null)
      questions.ask(slot, call, (outcome) => resolve('value' in outcome ? outcome.value : null))
    })
  }

  const askAll = (call: Call) => Promise.all(slots.map((slot) => askOne(slot, call)))

  async function askNumbers(): Promise<{ answers: unknown[]; kept: Numbers }> {
    const ids = slots.map(({ id }) => id())
    const answers = await askAll({ method: 'numbers', args: [] })
    ids.forEach((id, index) => answers[index] && kept.note(id, answers[index] as Numbers))
    return { answers, kept: kept.of(ids.filter((_, index) => answers[index] === null)) }
  }

  return {
    heard(from, message) {
      const answer = (id: number, outcome: Outcome) => from.send({ kind: 'outcome', id, outcome })
      switch (message.kind) {
        case 'ask-lead':
          return questions.askLead(message.call, (outcome) => answer(message.id, outcome))
        case 'ask-all':
          return void askAll(message.call).then((value) => answer(message.id, { value }))
        case 'ask-numbers':
          return void askNumbers().then((value) => answer(message.id, { value }))
        case 'tell-others':
          return tell(slots, from, message.call)
        case 'outcome':
          return questions.answered(message.id, message.outcome)
      }
    },

    isReady(slot) {
      if (slot.isLead) questions.isReady(slot)
    },

    isGone(worker) {
      kept.end(worker)
      questions.isGone(worker)
      const call = { method: 'workerEnded', args: [worker] }
      slots.find(isLeading)?.send({ kind: 'call', id: null, call })
    },
  }
}

/** A worker that is still starting asks for itself what it wants to know. */
function tell(slots: Slot[], from: Slot, call: Call): void {
  const others = slots.filter((slot) => slot !== from && slot.state !== 'loading')
  for (const slot of others) slot.send({ kind: 'call', id: null, call })
}
