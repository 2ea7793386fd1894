/** Orders that property tests of lists ask for. */
import fc from 'fast-check'
import { compareBy, type ModelImage, type ModelKey, SORT_KEYS } from './model.ts'

/** An order as it is asked for, and as it is meant. */
export interface AskedOrder {
  parameters: [name: string, value: string][]
  compare(one: ModelImage, other: ModelImage): number
}

const anyDirection = fc.constantFrom('asc' as const, 'desc' as const)
const anyKeys: fc.Arbitrary<ModelKey[]> = fc.array(
  fc.record({ key: fc.constantFrom(...SORT_KEYS), direction: anyDirection }),
  { minLength: 1, maxLength: 3 },
)

const anyPairs = anyKeys.map((keys): AskedOrder => ({
  parameters: [['sort', keys.map(({ key, direction }) => `${key}:${direction}`).join(',')]],
  compare: compareBy(
    keys,
    keys.map(({ direction }) => direction),
  ),
}))

const anyClassic = anyKeys.map((keys): AskedOrder => ({
  parameters: keys.flatMap(({ key, direction }): [string, string][] => [
    ['sort_key', key],
    ['sort_dir', direction],
  ]),
  compare: compareBy(
    keys,
    keys.map(({ direction }) => direction),
  ),
}))

/** One direction for all keys, or none for any. */
const anyUniform = fc.tuple(anyKeys, fc.option(anyDirection)).map(([keys, only]): AskedOrder => {
  const direction = only ?? 'desc'
  return {
    parameters: [
      ...keys.map(({ key }): [string, string] => ['sort_key', key]),
      ...(only === null ? [] : [['sort_dir', only] as [string, string]]),
    ],
    compare: compareBy(
      keys.map(({ key }) => ({ key, direction })),
      only === null ? [] : [only],
    ),
  }
})

export const anyOrder: fc.Arbitrary<AskedOrder> = fc.oneof(
  fc.constant<AskedOrder>({ parameters: [], compare: compareBy([], []) }),
  anyPairs,
  anyClassic,
  anyUniform,
)
