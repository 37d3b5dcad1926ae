import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Simulation from "../../Simulation.js"
import { Draws } from "../virtual/fibers.js"
import { Timeline } from "../virtual/timeline.js"
import { type Options as ServerOptions, Server } from "./server.js"
import { type Call, Tally } from "./tally.js"
import * as transport from "./transport.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

export interface Settings {
  readonly clients: number
  readonly callsPerMilli: number
  readonly durationMillis: number
  readonly server: ServerOptions
  readonly outage: { readonly kind: "stall" | "refuse"; readonly startMillis: number; readonly endMillis: number }
  readonly policy: Simulation.Options["policy"]
  readonly seed: number
}

/** The time that calls have to end after the last one has begun, and again after their interruption. */
const patienceMillis = 60_000

const request = HttpClientRequest.get("http://server.simulation/")

/** The clients, the server and their virtual time. Time moves only in `advance`. */
export class World {
  /** The first defect of a policy. */
  defect: Cause.Cause<never> | undefined
  readonly timeline: Timeline<Call>
  private readonly tally: Tally
  private readonly server: Server
  private readonly clients: ReadonlyArray<HttpClient.HttpClient.With<unknown>>
  /** A source of its own, so that random draws of the policies do not change the calls. */
  private readonly arrivals: Draws
  private isCalling = true
  private isGivenUp = false

  constructor(readonly settings: Settings) {
    const { clients, durationMillis, outage, policy, seed, server } = settings
    this.timeline = new Timeline(Random.make(seed))
    const { agenda } = this.timeline
    this.arrivals = new Draws(seed)
    this.server = new Server(agenda, server)
    this.tally = new Tally({ durationMillis, ...outage })
    const client = transport.make(
      this.server,
      (fiber) => this.tally.attempt(agenda.nowMillis, this.timeline.callOf(fiber))
    )
    this.clients = Array.from({ length: clients }, () => policy(client))
    this.plan()
  }

  /** Runs at most `steps` steps. Returns `false` when the simulation is over. */
  advance(steps: number): boolean {
    for (let step = 0; step < steps; step++) {
      if (this.timeline.runNext()) continue
      if (this.isOver() || !this.timeline.agenda.advance()) return false
    }
    return true
  }

  /** Interrupts all calls, and waits in virtual time for their finalizers. */
  stop(): void {
    this.isCalling = false
    this.giveUp()
    this.advance(Infinity)
  }

  result(): Simulation.Result {
    const { peak, services, wasted } = this.server
    return {
      seconds: this.tally.seconds,
      summary: { ...this.tally.summary(this.settings.server.capacity), services, wasted, peakQueue: peak }
    }
  }

  private isOver(): boolean {
    return this.isGivenUp || this.defect !== undefined || (!this.isCalling && this.timeline.fibers.size === 0)
  }

  private plan(): void {
    const { durationMillis, outage } = this.settings
    const { server, timeline: { agenda } } = this
    const set = (isDown: boolean) => () => {
      if (outage.kind === "stall") server.stall(isDown)
      else server.isRefusing = isDown
    }
    if (outage.endMillis > outage.startMillis) {
      agenda.after(outage.startMillis, set(true))
      agenda.after(outage.endMillis, set(false))
    }
    this.tally.seconds.forEach((second, index) =>
      agenda.after(Math.min((index + 1) * 1_000, durationMillis), () => {
        second.queue = server.length
      })
    )
    agenda.after(durationMillis, () => {
      this.isCalling = false
      agenda.after(patienceMillis, () => this.giveUp())
    })
    this.arrive()
  }

  private arrive(): void {
    const millis = -Math.log(1 - this.arrivals.number()) / this.settings.callsPerMilli
    this.timeline.agenda.after(millis, () => {
      if (!this.isCalling) return
      this.call(this.clients[this.arrivals.integer(this.clients.length)]!)
      this.arrive()
    })
  }

  private call(client: HttpClient.HttpClient.With<unknown>): void {
    const call = this.tally.begin(this.timeline.agenda.nowMillis)
    this.timeline.fork(client.execute(request), call, (exit) => this.end(call, exit))
  }

  private end(call: Call, exit: Exit.Exit<HttpClientResponse.HttpClientResponse, unknown>): void {
    if (Exit.isFailure(exit) && Cause.isDie(exit.cause)) {
      this.defect ??= Option.getOrUndefined(Cause.keepDefects(exit.cause))
    }
    this.tally.end(call, Exit.isSuccess(exit) && exit.value.status < 400)
  }

  private giveUp(): void {
    this.timeline.agenda.after(patienceMillis, () => {
      this.isGivenUp = true
    })
    this.timeline.interruptAll()
  }
}
