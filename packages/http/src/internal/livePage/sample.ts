import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Health from "reprise/Health"
import type * as Telemetry from "reprise/Telemetry"
import { currentMonotonicMillis } from "../clock.js"
import { ofTrip } from "./decisions.js"

/** The most policies in a sample, the worst first. */
const maxRows = 200
/** Longer keys are cut, and have no actions. */
const maxKeyLength = 500
/**
 * Viewers share a sample that is not older than that: a little less than the time between two samples of one viewer.
 */
const maxAgeMillis = 900

/**
 * The states of the policies at one time.
 *
 * @internal
 */
export interface Sample {
  readonly rows: ReadonlyArray<object>
  /** The number of policies that are not among the rows. */
  readonly omitted: number
}

/**
 * One sample for all viewers.
 *
 * @internal
 */
export class Samples {
  private latest: { readonly atMillis: number; readonly sample: Sample } | undefined

  constructor(private readonly hasActions: boolean) {}

  /** Drops the sample, so that the page does not show the state before an action. */
  forget(): void {
    this.latest = undefined
  }

  readonly current: Effect.Effect<Sample, never, Telemetry.Monitor> = Effect.flatMap(
    currentMonotonicMillis,
    (nowMillis) => {
      const { latest } = this
      const isFresh = latest !== undefined && Math.abs(nowMillis - latest.atMillis) < maxAgeMillis
      if (isFresh) return Effect.succeed(latest.sample)
      return Effect.map(Health.components, (components) => {
        const sample = this.of(components)
        this.latest = { atMillis: nowMillis, sample }
        return sample
      })
    }
  )

  private of(components: ReadonlyArray<Health.Component>): Sample {
    const judged = components.map((component) => ({ component, ...Health.make([component]) }))
    judged.sort((one, other) => Number(one.status === "pass") - Number(other.status === "pass"))
    return {
      rows: judged.slice(0, maxRows).map(({ component, status }) => this.row(component, status)),
      omitted: Math.max(judged.length - maxRows, 0)
    }
  }

  private row({ circuit, key, ...snapshot }: Health.Component, status: Health.Status): object {
    const isWhole = key.length <= maxKeyLength
    const row = { ...snapshot, status, key: isWhole ? key : `${key.slice(0, maxKeyLength)}…` }
    if (circuit === undefined) return row
    const { admitted, downMillis, failed, rejected, retryAfter, trip } = circuit
    return {
      ...row,
      admitted,
      failed,
      rejected,
      downMillis,
      why: trip === undefined ? "" : ofTrip(trip),
      leftMillis: Option.getOrUndefined(Option.map(retryAfter, Duration.toMillis)),
      // Circuits without a key cannot be told apart.
      canAct: this.hasActions && isWhole && key !== ""
    }
  }
}
