import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import { maxDelayMillis } from "../../InvalidOption.js"
import { event, type Restore } from "../effect/fiber.js"
import * as timer from "../effect/timer.js"
import type { Waited } from "../telemetry/event.js"
import type { Admission, Verdict } from "./admission.js"
import type * as Policy from "./model.js"

type Turn = Policy.Turn<unknown, never, never>

type Answer = Exclude<ReturnType<Turn["poll"]>, undefined>

/**
 * Continues after a pass: succeeds when the attempt has its tickets, and fails with its rejection. It runs in an
 * uninterruptible region. Only the waits are interruptible.
 *
 * @internal
 */
export const admit = (
  admission: Admission,
  verdict: Verdict | undefined,
  restore: Restore
): Effect.Effect<void, unknown> => {
  const reason = verdict ?? admission.take()
  switch (reason?._tag) {
    case undefined:
      return Exit.void
    case "Wait":
      return enter(admission, reason, restore)
    case "Reject":
      return admission.reject(reason.error)
    case "Die":
      admission.withdraw()
      return Exit.die(reason.defect)
  }
}

const enter = (
  admission: Admission,
  decision: Policy.Wait<unknown, never, never>,
  restore: Restore
): Effect.Effect<void, unknown> => {
  try {
    const mayWait = admission.mayWait && admission.nowMillis < admission.deadlineMillis
    if (!mayWait && decision.refuse !== undefined) return admission.reject(decision.refuse())
    admission.beforeWait()
    return wait(admission, decision.enter(admission), restore)
  } catch (defect) {
    admission.withdraw()
    return Exit.die(defect)
  }
}

const wait = (admission: Admission, turn: Turn, restore: Restore): Effect.Effect<void, unknown> => {
  const listener = new Listener(admission, turn)
  const { fiber, nowMillis: fromMillis, scope, source } = admission
  const waited = (outcome: Waited["outcome"]) =>
    scope?.waited(fiber, source, admission.refresh().nowMillis - fromMillis, outcome)
  // Stryker disable next-line ConditionalExpression: it spares the operations for work that is missing.
  const answer = turn.work === undefined
    ? listener.answer
    : Effect.flatMap(finish(turn.work), () => listener.answer)
  return Effect.matchCauseEffect(restore(answer), {
    onFailure: (cause) => {
      // Not in the canceler of `async`: an interruption may come after its registration and before its canceler is in place.
      listener.stop()
      turn.leave?.()
      admission.withdraw()
      waited("interrupted")
      return Exit.failCause(cause)
    },
    onSuccess: (answer) => {
      admission.refresh()
      const isRejected = Predicate.isTagged(answer, "Reject")
      waited(isRejected ? "rejected" : "admitted")
      if (isRejected) return admit(admission, answer as Policy.Reject<unknown>, restore)
      if (answer !== "again") {
        admission.keep(answer as Policy.Ticket<never, never>)
      }
      return admit(admission, admission.look(), restore)
    }
  })
}

// Internal all the same; without the tag, so that the tests of this module see its type (`stripInternal`).

/** A wait for work, after which all policies decide again. */
export const working = (work: Effect.Effect<unknown, unknown>, leave?: () => void): Policy.Turn<never> => ({
  onWake: undefined,
  work,
  poll: () => "again",
  leave
})

/** Ignores the result of the work, because the turn has it. Only an interruption of the call continues. */
const finish = (work: Effect.Effect<unknown, unknown>): Effect.Effect<unknown> =>
  Effect.catchAllCause(work, (cause) => Cause.isInterruptedOnly(cause) ? Effect.interrupt : Effect.void)

/**
 * The effects of the polls in one step. A poll may settle other turns, which are polled within it. The calls continue
 * in the order in which their polls began, when all changes of the step are complete.
 */
class Polls {
  private depth = 0
  private effects: Array<(() => void) | undefined> = []

  run(poll: () => (() => void) | undefined): void {
    const place = this.effects.push(undefined) - 1
    this.depth++
    this.effects[place] = poll()
    if (--this.depth > 0) return
    const { effects } = this
    this.effects = []
    for (const effect of effects) effect?.()
  }
}

const polls = new Polls()

/** Polls a turn at once, because the grant may have come already, and then at every change. */
class Listener {
  private stopTimer: (() => void) | undefined

  constructor(private readonly admission: Admission, private readonly turn: Turn) {}

  readonly answer: Effect.Effect<Answer> = event((resume) => {
    const poll = (): (() => void) | undefined => {
      this.stop()
      const { deadlineMillis, fiber, nowMillis } = this.admission
      const { turn } = this
      try {
        const answer = turn.poll(nowMillis, nowMillis >= deadlineMillis)
        if (answer !== undefined) return () => resume(Exit.succeed(answer))
      } catch (defect) {
        return () => resume(Exit.die(defect))
      }
      turn.onWake = pollAnew
      const leftMillis = Math.min(turn.untilMillis ?? Infinity, deadlineMillis) - nowMillis
      if (leftMillis < Infinity) {
        this.stopTimer = timer.start(fiber, Math.min(Math.max(leftMillis, 1), maxDelayMillis), pollAnew)
      }
      return undefined
    }
    const pollAnew = () => {
      this.admission.refresh()
      polls.run(poll)
    }
    polls.run(poll)
  })

  stop(): void {
    this.turn.onWake = undefined
    this.stopTimer?.()
    this.stopTimer = undefined
  }
}
