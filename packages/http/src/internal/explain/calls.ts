import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constVoid } from "effect/Function"
import type * as Random from "effect/Random"
import * as RetryBudget from "reprise/RetryBudget"
import * as HttpResilience from "../../HttpResilience.js"
import * as ResilientHttpClient from "../../ResilientHttpClient.js"
import type { Take } from "./script.js"
import { drive, Simulation } from "./simulation.js"
import * as transport from "./transport.js"

/**
 * What sends so many requests for one call has no end.
 *
 * @internal
 */
export const maxRequests = 1_000

/** @internal */
export interface Settings {
  readonly options: ResilientHttpClient.Options
  readonly request: HttpClientRequest.HttpClientRequest
  readonly take: Take
  readonly random: Random.Random
  readonly calls: number
  /** One after the other where there is none. */
  readonly everyMillis: number | undefined
  /** When all that still runs is cut off. Defaults to never. */
  readonly untilMillis?: number | undefined
}

/**
 * What became of one call.
 *
 * @internal
 */
export class Call {
  readonly caller = new transport.Caller()
  endMillis = Infinity
  exit: Exit.Exit<HttpClientResponse.HttpClientResponse, unknown> | undefined

  constructor(readonly number: number, readonly startMillis: number) {}

  /** It was ended, and would not have ended by itself. */
  get neverEnds(): boolean {
    return this.endMillis === Infinity
  }
}

/**
 * Makes the calls through the client of the options, and ends those that do not end by themselves. Those that would begin
 * after one of these are not made.
 *
 * @internal
 */
export const run = (settings: Settings): Effect.Effect<ReadonlyArray<Call>> =>
  Effect.suspend(() => {
    const simulation = new Simulation(settings.random)
    const calls = new Calls(simulation, settings)
    const { untilMillis } = settings
    const made = drive(simulation, { isOver: () => calls.areOver, untilMillis, mayHope: () => !calls.areAllHanging })
    const prepared = Effect.zipRight(calls.prepare, made)
    return Effect.onExit(prepared, (exit) => Exit.isSuccess(exit) ? calls.close : calls.interrupt).pipe(
      Effect.as(calls.all)
    )
  })

/** What a budget remembers of earlier calls lies in the options: by now all of it is over. A window is at most 24.8 days. */
const laterMillis = 2 ** 32

class Calls {
  readonly all: Array<Call> = []
  private readonly pending = new Set<Call>()
  private readonly client: ReturnType<ReturnType<typeof ResilientHttpClient.makeTyped>>
  private isClosed = false

  constructor(readonly simulation: Simulation, readonly settings: Settings) {
    const take = () => {
      simulation.progress()
      return settings.take()
    }
    this.client = ResilientHttpClient.makeTyped(settings.options)(transport.make(take, simulation.clock, maxRequests))
  }

  get areOver(): boolean {
    return this.simulation.isIdle && (this.isClosed || this.all.length === this.settings.calls)
  }

  /** They wait for the server, and for nothing of which the simulation does not know. */
  get areAllHanging(): boolean {
    return [...this.pending].every(({ caller }) => caller.hanging.size > 0)
  }

  /** Lets the budget forget, then makes the first call. */
  readonly prepare: Effect.Effect<void> = Effect.sync(() => {
    const { clock } = this.simulation
    const { options: { budget }, request } = this.settings
    if (budget !== undefined) {
      clock.millis = laterMillis
      this.simulation.fork(Effect.flatMap(budget(request), RetryBudget.snapshot), constVoid)
      this.simulation.flush()
      clock.millis = 0
    }
    this.begin()
  })

  private begin(): void {
    const { calls, everyMillis, request } = this.settings
    const { clock } = this.simulation
    if (this.isClosed || this.all.length === calls) return
    this.simulation.progress()
    const call = new Call(this.all.length + 1, clock.nowMillis)
    this.all.push(call)
    this.pending.add(call)
    const response = HttpResilience.executeAndRead(
      this.client,
      request,
      // The body is read within the attempt, as it should be.
      (response) => Effect.as(response.text, response)
    )
    this.simulation.fork(transport.asCaller(response, call.caller), (exit) => {
      this.pending.delete(call)
      call.exit = exit
      if (!this.isClosed && !call.caller.isCut) call.endMillis = clock.nowMillis
      if (everyMillis === undefined && !call.neverEnds) this.begin()
    })
    if (everyMillis !== undefined) clock.at(call.number * everyMillis, () => this.begin())
  }

  /** What waits for the server has its requests aborted, so that the ledger of the call is not lost. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.isClosed = true
    for (const { caller } of this.pending) {
      caller.isCut = true
      for (const abort of [...caller.hanging]) abort()
    }
    return Effect.flatMap(this.ended, (areOver) => areOver ? Effect.void : this.interrupt)
  })

  readonly interrupt: Effect.Effect<void> = Effect.suspend(() => {
    this.isClosed = true
    this.simulation.interruptAll()
    return this.ended
  })

  private readonly ended: Effect.Effect<boolean> = Effect.suspend(() => {
    if (this.areOver) return Effect.succeed(true)
    this.simulation.progress()
    return drive(this.simulation, { isOver: () => this.areOver, mayHope: () => false })
  })
}
