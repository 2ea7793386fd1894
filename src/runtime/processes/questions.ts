/** Calls that a worker has been asked to answer, or a lead that is still to come. */
import { type Call, NO_LEAD, type Outcome } from './messages.ts'
import { isLeading, type Slot } from './slot.ts'

/** How long a call waits for a lead that takes the place of one that has died. */
const LEAD_MS = 20_000

interface Question {
  call: Call
  /** Whether any lead may answer it, if this one cannot any more. */
  isForLead: boolean
  settle(outcome: Outcome): void
}

export interface Questions {
  /** Asks a worker; settles with an error when that dies first. */
  ask(slot: Slot, call: Call, settle: (outcome: Outcome) => void): void
  /** Asks the lead, or the next one. */
  askLead(call: Call, settle: (outcome: Outcome) => void): void
  answered(id: number, outcome: Outcome): void
  /** A lead serves: it is asked what has been waiting for it. */
  isReady(lead: Slot): void
  /** A worker answers nothing any more. */
  isGone(worker: number): void
}

export function createQuestions(slots: Slot[]): Questions {
  /** Those that a worker has been asked, and by which number. */
  const asked = new Map<number, Question & { by: number }>()
  const waiting = new Set<Question>()
  let last = 0

  function pass(to: Slot, question: Question): void {
    asked.set(++last, { ...question, by: to.id() })
    to.send({ kind: 'call', id: last, call: question.call })
  }

  function passToLead(question: Question): void {
    const lead = slots.find(isLeading)
    if (lead) return pass(lead, question)
    waiting.add(question)
    const giveUp = () => waiting.delete(question) && question.settle({ error: NO_LEAD })
    setTimeout(giveUp, LEAD_MS).unref()
  }

  return {
    ask: (slot, call, settle) => pass(slot, { call, isForLead: false, settle }),
    askLead: (call, settle) => passToLead({ call, isForLead: true, settle }),

    answered(id, outcome) {
      asked.get(id)?.settle(outcome)
      asked.delete(id)
    },

    isReady(lead) {
      for (const question of waiting) pass(lead, question)
      waiting.clear()
    },

    isGone(worker) {
      for (const [id, { by, ...question }] of asked) {
        if (by !== worker) continue
        asked.delete(id)
        if (question.isForLead) passToLead(question)
        else question.settle({ error: NO_LEAD })
      }
    },
  }
}
