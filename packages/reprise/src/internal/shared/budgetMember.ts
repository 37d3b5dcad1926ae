import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../StoreError.js"
import { Budget } from "../budget/budget.js"
import type { RetryBudget } from "../budget/model.js"
import { Share, type Tokens } from "../budget/rules.js"
import { currentMonotonicMillis, monotonicMillis } from "../effect/clock.js"
import * as timer from "../effect/timer.js"
import * as answers from "./answers.js"
import { Bell } from "./bell.js"
import type { SharedRule } from "./budgetRule.js"
import { SharedShare, SharedTokens } from "./budgetRules.js"
import { RetryBudgetStore } from "./budgetStore.js"
import { Joining } from "./joining.js"
import * as link from "./link.js"

/** How many intervals a member without news waits until it asks what the others do. */
const quietIntervals = 10

/** How many intervals a member is missing until it is taken for ended: more than a quiet one is silent. */
const presentIntervals = 30

/**
 * The budgets of this process that are shared, and what they exchange with.
 *
 * @internal
 */
export interface Fleet {
  readonly store: RetryBudgetStore.Service
  readonly link: link.Link
  readonly bell: Bell
  readonly name: string
  readonly syncMillis: number
  /** The scope has ended: each goes on by itself. */
  isOver: boolean
}

/**
 * A budget as one of those that share a rest.
 *
 * @internal
 */
export class Member extends Budget {
  exchangedMillis = -Infinity
  /** The log has a line that it is not shared. */
  isRefused = false
  /** Decides whether a part that is less than one retry is one. */
  chance = 0
  drawnMillis = -Infinity
  readonly joining: Joining

  constructor(key: string, readonly shared: SharedRule, readonly fleet: Fleet) {
    super(key, shared)
    this.joining = new Joining(fleet.link)
  }
}

/**
 * Takes a new budget over: its rule becomes the rule here.
 *
 * @internal
 */
export const join = (fleet: Fleet, key: string, budget: RetryBudget): Member => {
  // A new one, made by `RetryBudget.share` or `RetryBudget.tokens`, which have no other rules.
  const rule = (budget as Budget).rule as Share | Tokens
  return new Member(key, rule instanceof Share ? new SharedShare(rule) : new SharedTokens(rule), fleet)
}

/**
 * Waits until the budget knows what the others have spent, but no longer than the store may take; `undefined` where it need not.
 *
 * @internal
 */
export const joined = ({ fleet, joining }: Member, now: number): Effect.Effect<void> | undefined => {
  const waiting = fleet.isOver ? undefined : joining.wait(now)
  if (waiting !== undefined) fleet.bell.ring()
  return waiting
}

/** @internal */
export const make = (what: string): Effect.Effect<Fleet, never, RetryBudgetStore> =>
  Effect.map(Effect.zip(RetryBudgetStore, link.uniqueName), ([store, name]) => ({
    store,
    link: link.make(what, store.timeout),
    bell: new Bell(),
    name,
    syncMillis: link.syncMillis(store.syncInterval),
    isOver: false
  }))

/**
 * Exchanges for the members in one fiber as long as the scope is open. Afterwards each goes on by itself, and what it has reserved
 * is free for the others.
 *
 * @internal
 */
export const run = (fleet: Fleet, members: () => ReadonlyArray<Member>): Effect.Effect<void, never, Scope.Scope> => {
  const rounds = Effect.forever(Effect.zipRight(
    Effect.catchAllCause(round(fleet, members), (cause) => Effect.logError("Sharing retry budgets", cause)),
    Effect.suspend(() => fleet.link.isUp ? fleet.bell.wait(fleet.syncMillis) : timer.sleep(fleet.syncMillis))
  ))
  return Effect.zipRight(
    Effect.addFinalizer(() => disband(fleet, members())),
    Effect.asVoid(Effect.forkScoped(Effect.interruptible(rounds)))
  )
}

const disband = (fleet: Fleet, members: ReadonlyArray<Member>): Effect.Effect<void> =>
  Effect.suspend(() => {
    fleet.isOver = true
    const told = members.filter(({ shared }) => shared.others !== undefined)
    return Effect.forEach(members, ({ joining }) => joining.end, { discard: true }).pipe(
      Effect.zipRight(
        link.farewell(fleet.link, link.each(fleet.link, told, (member) => Effect.ignore(leave(fleet, member))))
      ),
      Effect.zipRight(Effect.sync(() => members.forEach(({ shared }) => shared.alone())))
    )
  })

const leave = (fleet: Fleet, member: Member): Effect.Effect<void, StoreError> =>
  Effect.withFiberRuntime((fiber) => {
    const now = monotonicMillis(fiber)
    const isTold = member.shared.part === 0 && member.shared.isTold(now, member.held)
    return isTold ? Effect.void : ask(fleet, member, member.shared.parting(now, member.held))
  })

const round = (fleet: Fleet, members: () => ReadonlyArray<Member>): Effect.Effect<void> =>
  Effect.flatMap(currentMonotonicMillis, (now) =>
    link.each(
      fleet.link,
      members().filter((member) => isDue(fleet, member, now)),
      (member) =>
        Effect.zipRight(
          Effect.catchAll(exchange(fleet, member), (error) => failed(fleet, member, members, error)),
          member.joining.end
        )
    ))

const isDue = ({ syncMillis }: Fleet, { exchangedMillis, held, shared }: Member, now: number): boolean => {
  const passed = now - exchangedMillis
  // The bell rings for those who come: it is no reason for the others to tell more often.
  if (passed >= 0 && passed < syncMillis / 2) return false
  // A clock that stepped back must not end it.
  return shared.others === undefined || passed < 0 || passed >= quietIntervals * syncMillis ||
    !shared.isTold(now, held)
}

const exchange = (fleet: Fleet, member: Member): Effect.Effect<void, StoreError> =>
  Effect.suspend(() => {
    const isNew = member.shared.others === undefined
    const once = Effect.zipRight(draw(fleet, member), exchangeOnce(fleet, member))
    // Who comes to know of the others reserves a part at once.
    return isNew ? Effect.zipRight(once, once) : once
  })

/** Not for every exchange: who has a part should keep it long enough to be of use. */
const draw = ({ syncMillis }: Fleet, member: Member): Effect.Effect<void> =>
  Effect.zipWith(currentMonotonicMillis, Random.next, (now, chance) => {
    if (Math.abs(now - member.drawnMillis) < quietIntervals * syncMillis) return
    member.chance = chance
    member.drawnMillis = now
  })

const exchangeOnce = (fleet: Fleet, member: Member): Effect.Effect<void, StoreError> =>
  Effect.withFiberRuntime((fiber) => {
    const now = member.exchangedMillis = monotonicMillis(fiber)
    const { chance, held, shared } = member
    return ask(fleet, member, shared.report(now, held, chance))
  })

const ask = (fleet: Fleet, member: Member, sums: RetryBudgetStore.Sums): Effect.Effect<void, StoreError> => {
  const { key, shared } = member
  const presentMillis = presentIntervals * fleet.syncMillis + 2 * fleet.link.timeoutMillis
  const rememberMillis = Math.max(shared.rememberMillis, presentMillis)
  const question = () => fleet.store.sync(key, { member: fleet.name, presentMillis, rememberMillis, ...sums })
  return Effect.flatMap(link.ask(fleet.link, question, answers.sums), (standing) =>
    Effect.withFiberRuntime((fiber) => {
      member.isRefused = false
      shared.heard(standing, monotonicMillis(fiber), member.held)
      return Effect.void
    }))
}

const failed = (
  { link }: Fleet,
  member: Member,
  members: () => ReadonlyArray<Member>,
  error: StoreError
): Effect.Effect<void> =>
  Effect.suspend(() => {
    member.shared.alone()
    if (!link.isUp) members().forEach(({ shared }) => shared.alone())
    if (error.reason === "unavailable" || member.isRefused) return Effect.void
    member.isRefused = true
    return link.keyLines.write(Effect.logWarning, `The retry budget "${member.key}" is not shared. ${error.message}`)
  })
