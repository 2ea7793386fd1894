/** What a workload is made of: cases, and in each of them contenders that do the same work. */
import type { Lab } from './lab.ts'

export type Unit = 'GB/s' | 'MB/s' | 'requests/s' | 'ms' | 's' | 'MB' | '×' | 'cores'

/** One number that a run of a contender yields. */
export interface Measure {
  name: string
  unit: Unit
  better: 'more' | 'less'
  /** What is wanted of the subject. */
  goals?: Goal[]
}

/** A bound on the value itself, or on the ratio to a peer: how many times better the subject is. */
export type Goal = { bound: number } | { peer: string; ratio: number }

/** Of what the CPU seconds are told. */
export type Work = 'GB' | '1,000 requests'

export interface Reading {
  /** By the names of the measures. */
  values: Record<string, number>
  /** How many units of work were done, for the CPU seconds of each. */
  work?: number
  /** CPU seconds, where the processes are not those that the contender names. */
  cpu?: number
}

export interface Contender {
  name: string
  /** Processes whose CPU time counts, each with all of its descendants. Asked before and after a run. */
  pids: () => number[]
  /** One round. Throws where anything about it was not as it should be. */
  run: () => Promise<Reading>
}

export interface Case {
  name: string
  /** The first one is what the chart shows. */
  measures: Measure[]
  work: Work | null
  /** The name of the contender that the others are compared with. */
  subject: string
  /** More rounds than that would take too long. */
  mostRounds?: number
  contenders: Contender[]
}

export interface Workload {
  name: string
  /** The title of its chart too, so that it has to be short. */
  about: string
  /** How long it takes, where that is more than five minutes. */
  takes?: string
  /** Starts what it needs, and leaves it to the lab to stop. */
  prepare: (lab: Lab) => Promise<Case[]>
}
