import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import { StoreError } from "reprise/StoreError"
import * as Redis from "../Redis.js"
import type { Answer } from "./breakerReply.js"
import * as breakerScripts from "./breakerScripts.js"
import * as changes from "./changes.js"
import { channelOf, failed, format, keyOf, type StoreSettings } from "./store.js"

const kind = "breaker"

/** About three thousand years: practically for ever, and still a time that Redis accepts. */
const longestMillis = 1e14

/** Redis counts whole milliseconds. */
const whole = (millis: number): number => millis > 0 ? Math.min(Math.ceil(millis), longestMillis) : 0

/** Avoids values that could not be read again. */
const finite = (number: number): number => number > 0 ? Math.min(number, Number.MAX_VALUE) : 0

const rank = (trips: number | undefined): number =>
  trips !== undefined && trips > 1 ? Math.min(Math.floor(trips), Number.MAX_SAFE_INTEGER) : 1

const of = ({ epoch, generation }: CircuitBreakerStore.Version): ReadonlyArray<number> => [epoch, generation]

const asChange = (message: unknown): Option.Option<CircuitBreakerStore.Change> =>
  Predicate.hasProperty(message, "format") && message.format === format &&
    Predicate.hasProperty(message, "key") && Predicate.isString(message.key) &&
    Predicate.hasProperty(message, "epoch") && Predicate.isNumber(message.epoch) &&
    Predicate.hasProperty(message, "generation") && Predicate.isNumber(message.generation)
    ? Option.some({
      _tag: "Changed",
      key: message.key,
      version: { epoch: message.epoch, generation: message.generation }
    })
    : Option.none()

/** Runs a script for a key. */
const asking = (redis: Redis.Service, settings: StoreSettings) =>
(
  script: Redis.Script<Answer>,
  key: string,
  args: ReadonlyArray<string | number>
): Effect.Effect<CircuitBreakerStore.Admission, StoreError> => {
  // As JSON, because it is part of the published message.
  const context = [channelOf(settings, kind), JSON.stringify(key), whole(settings.keepMillis)]
  return Effect.matchEffect(redis.run(script, [keyOf(settings, kind, key)], [...context, ...args]), {
    onSuccess: (answer) => answer instanceof StoreError ? answer : Effect.succeed(answer),
    onFailure: failed
  })
}

/** The store over a connection. */
export const make = (
  redis: Redis.Service,
  settings: StoreSettings,
  scripts = breakerScripts.make()
): Effect.Effect<CircuitBreakerStore.Service, never, Scope.Scope> => {
  const ask = asking(redis, settings)
  const stand = (...question: Parameters<typeof ask>) => Effect.map(ask(...question), ({ standing }) => standing)
  const heard = changes.make<CircuitBreakerStore.Change>(redis, channelOf(settings, kind), {
    decode: asChange,
    missed: { _tag: "Missed" }
  })
  return Effect.map(heard, (changes) => ({
    syncInterval: Duration.millis(settings.syncMillis),
    timeout: Duration.millis(settings.timeoutMillis),
    sync: (key, { counts, version }) => {
      const counted = Object.entries(counts).filter(([, count]) => count > 0)
      return stand(scripts.sync, key, [...of(version), ...counted.flatMap(([name, count]) => [name, finite(count)])])
    },
    trip: (key, { openMillis, trip: { calls, failures, rule, slow }, trips, version }) =>
      stand(scripts.trip, key, [
        ...of(version),
        ...[whole(openMillis), rank(trips), rule, finite(calls), finite(failures), finite(slow)]
      ]),
    admit: (key, { leaseMillis, probes, successes, token, tolerated, version = CircuitBreakerStore.noVersion }) =>
      ask(scripts.admit, key, [
        ...[token, finite(probes), finite(successes), finite(tolerated), whole(leaseMillis)],
        ...of(version)
      ]),
    settle: (key, { openMillis, outcome, successes, token, tolerated, version }) =>
      stand(scripts.settle, key, [
        ...of(version),
        ...[token, finite(successes), finite(tolerated), outcome, whole(openMillis)]
      ]),
    close: (key, version) => stand(scripts.close, key, of(version)),
    changes
  }))
}

/** @internal */
export const layer = (
  settings: StoreSettings
): Layer.Layer<CircuitBreakerStore.CircuitBreakerStore, never, Redis.Redis> =>
  Layer.scoped(CircuitBreakerStore.CircuitBreakerStore, Effect.flatMap(Redis.Redis, (redis) => make(redis, settings)))
