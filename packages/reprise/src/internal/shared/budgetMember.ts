import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../StoreError.js"
import { Budget } from "../budget/budget.js"
import type { RetryBudget } from "../budget/model.js"
import { Share, type Tokens } from "../budget/rules.js"
import { currentMonotonicMillis, monotonicMillis } from "../effect/clock.js"
import * as answers from "./answers.js"
import type { SharedRule } from "./budgetRule.js"
import { SharedShare, SharedTokens } from "./budgetRules.js"
import * as RetryBudgetStore from "./budgetStore.js"
import * as crew from "./crew.js"
import { Joining } from "./joining.js"
import * as link_ from "./link.js"

/** The number of intervals after which a quiet member exchanges again. */
const quietIntervals = 10

/** The number of intervals after which a silent member counts as ended: more than the silence of a quiet one. */
const presentIntervals = 30

type Fleet = crew.Crew<RetryBudgetStore.Service>

/**
 * A budget that shares its retries with others.
 *
 * @internal
 */
export class Member extends Budget {
  exchangedMillis = -Infinity
  /** Whether the log has a line that the budget is not shared. */
  isRefused = false
  /** Decides whether a part below one retry is rounded up. */
  chance = 0
  drawnMillis = -Infinity
  readonly joining: Joining

  constructor(key: string, readonly shared: SharedRule, readonly fleet: Fleet) {
    super(key, shared)
    this.joining = new Joining(fleet.link)
  }
}

/**
 * Takes over a new budget, whose rule becomes the local rule.
 *
 * @internal
 */
export const join = (fleet: Fleet, key: string, budget: RetryBudget): Member => {
  // A new one, made by `RetryBudget.share` or `RetryBudget.tokens`, which have no other rules.
  const rule = (budget as Budget).rule as Share | Tokens
  return new Member(key, rule instanceof Share ? new SharedShare(rule) : new SharedTokens(rule), fleet)
}

/**
 * Waits until the budget has the state of the others, within the time of the store; `undefined` if no wait is needed.
 *
 * @internal
 */
export const joined = ({ fleet, joining }: Member, now: number): Effect.Effect<void> | undefined =>
  crew.joined(fleet, joining, now)

/** @internal */
export const make = (what: string): Effect.Effect<Fleet, never, RetryBudgetStore.RetryBudgetStore> =>
  crew.make(RetryBudgetStore.RetryBudgetStore, what)

/**
 * Exchanges for the members while the scope is open. Afterwards each works alone, and its reserve is free for the
 * others.
 *
 * @internal
 */
export const run = (fleet: Fleet, members: () => ReadonlyArray<Member>): Effect.Effect<void, never, Scope.Scope> => {
  const alone = Effect.sync(() => members().forEach(({ shared }) => shared.alone()))
  return Effect.zipRight(
    // Added first, and so the last to run.
    Effect.addFinalizer(() => alone),
    crew.run(fleet, members, { isDue, exchange, leave, failed: (member, error) => failed(member, members, error) })
  )
}

const leave = (member: Member): Effect.Effect<void, StoreError> =>
  Effect.withFiberRuntime((fiber) => {
    const { held, shared } = member
    const now = monotonicMillis(fiber)
    if (shared.others === undefined || (shared.part === 0 && shared.isTold(now, held))) return Effect.void
    return ask(member, shared.parting(now, held))
  })

const isDue = ({ exchangedMillis, fleet: { syncMillis }, held, shared }: Member, now: number): boolean => {
  const passed = now - exchangedMillis
  // The bell rings for new members. The others need not report more often.
  if (passed >= 0 && passed < syncMillis / 2) return false
  // A clock that moved backwards must not end it.
  return shared.others === undefined || passed < 0 || passed >= quietIntervals * syncMillis ||
    !shared.isTold(now, held)
}

const exchange = (member: Member): Effect.Effect<void, StoreError> =>
  Effect.suspend(() => {
    const isNew = member.shared.others === undefined
    const once = Effect.zipRight(draw(member), exchangeOnce(member))
    // A member that has just received the sums of the others reserves a part at once.
    return isNew ? Effect.zipRight(once, once) : once
  })

/** Not drawn for every exchange: a member should keep its part long enough to use it. */
const draw = (member: Member): Effect.Effect<void> =>
  Effect.zipWith(currentMonotonicMillis, Random.next, (now, chance) => {
    if (Math.abs(now - member.drawnMillis) < quietIntervals * member.fleet.syncMillis) return
    member.chance = chance
    member.drawnMillis = now
  })

const exchangeOnce = (member: Member): Effect.Effect<void, StoreError> =>
  Effect.withFiberRuntime((fiber) => {
    const now = member.exchangedMillis = monotonicMillis(fiber)
    const { chance, held, shared } = member
    return ask(member, shared.report(now, held, chance))
  })

const ask = (member: Member, sums: RetryBudgetStore.Sums): Effect.Effect<void, StoreError> => {
  const { fleet, key, shared } = member
  const presentMillis = presentIntervals * fleet.syncMillis + 2 * fleet.link.timeoutMillis
  const rememberMillis = Math.max(shared.rememberMillis, presentMillis)
  const question = () => fleet.store.sync(key, { member: fleet.name, presentMillis, rememberMillis, ...sums })
  return Effect.flatMap(
    link_.ask(fleet.link, question, answers.sums),
    (standing) =>
      Effect.withFiberRuntime((fiber) => {
        member.isRefused = false
        shared.heard(standing, monotonicMillis(fiber), member.held)
        return Effect.void
      })
  )
}

const failed = (
  member: Member,
  members: () => ReadonlyArray<Member>,
  error: StoreError
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { fleet: { link }, key } = member
    member.shared.alone()
    if (!link.isUp) members().forEach(({ shared }) => shared.alone())
    return link_.refused(link, member, `The retry budget "${key}" is`, error)
  })
