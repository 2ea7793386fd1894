import assert from 'node:assert/strict'
import type { InStatement } from '@libsql/client/web'
import { openRegistry, type Registry } from '../../src/registry/database.ts'

type Asked = Exclude<InStatement, string>

/** A step of EXPLAIN QUERY PLAN. */
export interface Step {
  id: number
  parent: number
  detail: string
}

/** The statements that something asks of a registry by themselves, not in a batch. */
export async function statementsOf(
  { $client }: Registry,
  ask: (registry: Registry) => Promise<unknown>,
): Promise<Asked[]> {
  const asked: Asked[] = []
  const noting = {
    ...$client,
    execute(statement: InStatement) {
      assert.ok(typeof statement === 'object')
      asked.push(statement)
      return $client.execute(statement)
    },
  }
  await ask(openRegistry(noting))
  return asked
}

export async function planOf({ $client }: Registry, statement: Asked): Promise<Step[]> {
  const sql = `EXPLAIN QUERY PLAN ${statement.sql}`
  const { rows } = await $client.execute({ ...statement, sql })
  return rows.map((row) => ({
    id: Number(row[0]),
    parent: Number(row[1]),
    detail: String(row[3]),
  }))
}
