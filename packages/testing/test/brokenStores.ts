/**
 * Stores that are each wrong in one way, made out of one that is right.
 */
import { Effect, Stream } from "effect"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import { StoreError } from "reprise/StoreError"

type Service = CircuitBreakerStore.Service
type Standing = CircuitBreakerStore.Standing
type Version = CircuitBreakerStore.Version

type Break = (store: Service) => Partial<Service>

const current = (store: Service, key: string): Effect.Effect<Standing, StoreError> =>
  store.sync(key, { version: CircuitBreakerStore.noVersion, counts: {} })

/** The same flaw in every answer. */
const answers = (change: (standing: Standing, key: string) => Standing): Break => (store) => ({
  sync: (key, report) => Effect.map(store.sync(key, report), (standing) => change(standing, key)),
  trip: (key, trip) => Effect.map(store.trip(key, trip), (standing) => change(standing, key)),
  settle: (key, settlement) => Effect.map(store.settle(key, settlement), (standing) => change(standing, key)),
  close: (key, version) => Effect.map(store.close(key, version), (standing) => change(standing, key)),
  admit: (key, request) =>
    Effect.map(store.admit(key, request), (admission) => ({
      ...admission,
      standing: change(admission.standing, key)
    }))
})

const keyed = (change: (key: string) => string): Break => (store) => ({
  sync: (key, report) => store.sync(change(key), report),
  trip: (key, trip) => store.trip(change(key), trip),
  settle: (key, settlement) => store.settle(change(key), settlement),
  close: (key, version) => store.close(change(key), version),
  admit: (key, request) => store.admit(change(key), request)
})

const reported = (change: (report: CircuitBreakerStore.Report) => CircuitBreakerStore.Report): Break => (store) => ({
  sync: (key, report) => store.sync(key, change(report))
})

const tripped = (change: (trip: CircuitBreakerStore.Trip) => CircuitBreakerStore.Trip): Break => (store) => ({
  trip: (key, trip) => store.trip(key, change(trip))
})

const requested =
  (change: (request: CircuitBreakerStore.ProbeRequest) => CircuitBreakerStore.ProbeRequest): Break => (store) => ({
    admit: (key, request) => store.admit(key, change(request))
  })

const settled =
  (change: (settlement: CircuitBreakerStore.Settlement) => CircuitBreakerStore.Settlement): Break => (store) => ({
    settle: (key, settlement) => store.settle(key, change(settlement))
  })

const admitted =
  (change: (admission: CircuitBreakerStore.Admission) => CircuitBreakerStore.Admission): Break => (store) => ({
    admit: (key, request) => Effect.map(store.admit(key, request), change)
  })

const added = (all: Map<string, number>, counts: CircuitBreakerStore.Counts) => {
  for (const [name, count] of Object.entries(counts)) all.set(name, (all.get(name) ?? 0) + count)
  return all
}

const named = (counts: CircuitBreakerStore.Counts, change: (name: string) => string) =>
  Object.fromEntries(Object.entries(counts).map(([name, count]) => [change(name), count]))

const text = (version: Version) => JSON.stringify(version)

export const brokenStores: Record<string, Break> = {
  "an empty report begins a record": reported(({ counts, version }) => ({
    version,
    counts: Object.keys(counts).length > 0 ? counts : { nothing: 1e-9 }
  })),
  "there are no epochs": answers(({ version, ...rest }) => ({ ...rest, version: { ...version, epoch: 0 } })),
  "counts are whole numbers": reported(({ counts, version }) => ({
    version,
    counts: Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Math.round(count)]))
  })),
  "names of counts are trimmed": reported(({ counts, version }) => ({
    version,
    counts: named(counts, (name) => name.replace(/[\s\0].*/s, ""))
  })),
  "counts without a version are dropped where there is a record": (store) => ({
    sync: (key, report) =>
      Effect.flatMap(
        current(store, key),
        ({ version }) => version.epoch > 0 && report.version.epoch === 0 ? current(store, key) : store.sync(key, report)
      )
  }),
  "counts of any version are taken": reported(({ counts }) => ({ version: CircuitBreakerStore.noVersion, counts })),
  "counts outlive the version": (store) => {
    const kept = new Map<string, Map<string, number>>()
    return {
      sync: (key, report) => {
        const all = added(kept.get(key) ?? new Map<string, number>(), report.counts)
        kept.set(key, all)
        return Effect.map(store.sync(key, report), (standing) => ({ ...standing, counts: Object.fromEntries(all) }))
      }
    }
  },
  "counts are read, and then written": (store) => {
    const kept = new Map<string, CircuitBreakerStore.Counts>()
    return {
      sync: (key, report) =>
        Effect.gen(function*() {
          const before = new Map(Object.entries(kept.get(key) ?? {}))
          const standing = yield* store.sync(key, report)
          yield* Effect.yieldNow()
          kept.set(key, Object.fromEntries(added(before, report.counts)))
          return { ...standing, counts: kept.get(key)! }
        })
    }
  },
  "it trips by its own counts": (store) => ({
    sync: (key, report) =>
      Effect.flatMap(
        store.sync(key, report),
        (standing) =>
          (standing.counts["failure"] ?? 0) > 1_000
            ? store.trip(key, {
              version: standing.version,
              trip: { rule: "rate", calls: 1, failures: 1, slow: 0 },
              openMillis: 1
            })
            : Effect.succeed(standing)
      )
  }),
  "a trip is for a second": tripped((trip) => ({ ...trip, openMillis: Math.min(trip.openMillis, 1_000) })),
  "a rule has a name in ASCII": tripped(({ trip, ...rest }) => ({
    ...rest,
    trip: { ...trip, rule: trip.rule.replace(/[^ -~]/g, "?") }
  })),
  "a trip needs a record": (store) => ({
    trip: (key, trip) =>
      Effect.flatMap(
        current(store, key),
        (standing) => standing.version.epoch === 0 ? Effect.succeed(standing) : store.trip(key, trip)
      )
  }),
  "a trip of any version is taken where it is closed": tripped((trip) => ({
    ...trip,
    version: CircuitBreakerStore.noVersion
  })),
  "a trip of any version is taken": (store) => ({
    trip: (key, trip) => Effect.flatMap(current(store, key), ({ version }) => store.trip(key, { ...trip, version }))
  }),
  "the last trip is the one": (store) => ({
    trip: (key, trip) =>
      Effect.flatMap(current(store, key), ({ state, version }) =>
        state._tag === "Open"
          ? Effect.flatMap(store.close(key, version), ({ version }) => store.trip(key, { ...trip, version }))
          : store.trip(key, trip))
  }),
  "it always opens for the first time": answers(({ state, ...rest }) => ({
    ...rest,
    state: state._tag === "Closed" ? state : { ...state, trips: 1 }
  })),
  "nobody is asked how often it had opened": tripped(({ trips: _, ...trip }) => trip),
  "it never forgets how often it has opened": (store) => {
    const opened = new Map<string, number>()
    return {
      trip: (key, trip) =>
        Effect.map(
          store.trip(key, { ...trip, trips: Math.max(trip.trips ?? 1, (opened.get(key) ?? 0) + 1) }),
          (standing) => {
            if (standing.state._tag === "Open") opened.set(key, standing.state.trips)
            return standing
          }
        )
    }
  },
  "it tells for how long it was to be open": (store) => {
    const first = new Map<string, number>()
    return answers((standing, key) => {
      const { state, version } = standing
      if (state._tag !== "Open") return standing
      const name = key + text(version)
      const openMillis = first.get(name) ?? state.openMillis
      first.set(name, openMillis)
      return { ...standing, state: { ...state, openMillis } }
    })(store)
  },
  "closing needs no version": (store) => ({
    close: (key) => Effect.flatMap(current(store, key), ({ version }) => store.close(key, version))
  }),
  "closing clears the counts": (store) => ({
    close: (key, version) =>
      Effect.flatMap(
        store.trip(key, { version, trip: { rule: "manual", calls: 0, failures: 0, slow: 0 }, openMillis: 0 }),
        (standing) => store.close(key, standing.version)
      )
  }),
  "while closed everybody has a permit": admitted((admission) => ({
    ...admission,
    isGranted: admission.isGranted || admission.standing.state._tag === "Closed"
  })),
  "it is never said when to ask again": admitted((admission) => ({ ...admission, retryAfterMillis: 0 })),
  "it is worth asking again always": admitted((admission) => ({
    ...admission,
    retryAfterMillis: admission.retryAfterMillis + 1
  })),
  "whoever finds it half-open is not counted": (store) => ({
    admit: (key, request) =>
      Effect.tap(
        store.admit(key, request),
        ({ isGranted, standing: { version } }) =>
          isGranted && request.probes > 1
            ? store.settle(key, { ...request, version, outcome: "ignored", openMillis: 0 })
            : Effect.void
      )
  }),
  "there is one probe too many": requested((request) => ({ ...request, probes: request.probes + 1 })),
  "there are permits that decide nothing": requested((request) => ({ ...request, successes: request.successes + 5 })),
  "permits do not know of tolerance": requested((request) => ({ ...request, tolerated: 0 })),
  "every request has a permit of its own": (store) => {
    let number = 0
    return requested((request) => ({ ...request, token: `${request.token} ${number++}` }))(store)
  },
  "nobody's own clock counts": requested(({ version: _, ...request }) => request),
  "the clock of anybody counts, for any opening": (store) => ({
    admit: (key, request) =>
      Effect.flatMap(
        current(store, key),
        ({ version }) => store.admit(key, request.version === undefined ? request : { ...request, version })
      )
  }),
  "permits do not end": requested((request) => ({ ...request, leaseMillis: request.leaseMillis * 1e6 })),
  "a token once granted is granted for ever": (store) => {
    const granted = new Set<string>()
    return {
      admit: (key, request) =>
        Effect.flatMap(current(store, key), (standing) =>
          granted.has(key + text(standing.version) + request.token)
            ? Effect.succeed({ isGranted: true, retryAfterMillis: 0, standing })
            : Effect.tap(store.admit(key, request), ({ isGranted, standing: { version } }) =>
              Effect.sync(() =>
                isGranted && granted.add(key + text(version) + request.token)
              )))
    }
  },
  "asking again makes a permit last longer": (store) => ({
    admit: (key, request) =>
      Effect.flatMap(store.admit(key, request), (admission) =>
        admission.isGranted
          ? Effect.zipRight(
            store.settle(key, {
              ...request,
              version: admission.standing.version,
              outcome: "ignored",
              openMillis: 0
            }),
            store.admit(key, request)
          )
          : Effect.succeed(admission))
  }),
  "tokens are trimmed": (store) => ({
    ...requested((request) => ({ ...request, token: request.token.trim() }))(store),
    ...settled((settlement) => ({ ...settlement, token: settlement.token.trim() }))(store)
  }),
  "it is wedged by answers that are too many": (store) => {
    const settledIn = new Map<string, number>()
    return {
      settle: (key, settlement) => {
        const name = key + text(settlement.version)
        if (settlement.outcome !== "ignored") settledIn.set(name, (settledIn.get(name) ?? 0) + 1)
        return store.settle(key, settlement)
      },
      admit: (key, request) =>
        Effect.flatMap(current(store, key), (standing) => {
          const { probes, successes, tolerated } = request
          const answered = settledIn.get(key + text(standing.version)) ?? 0
          return standing.state._tag === "HalfOpen" && answered >= Math.max(probes, successes + tolerated)
            ? Effect.succeed({ isGranted: false, retryAfterMillis: 0, standing })
            : store.admit(key, request)
        })
    }
  },
  "the first success closes it": settled((settlement) => ({ ...settlement, successes: 1 })),
  "a failed probe opens it for a second": settled((settlement) => ({ ...settlement, openMillis: 1_000 })),
  "no failure is tolerated": settled((settlement) => ({ ...settlement, tolerated: 0 })),
  "a tolerated failure is a success": settled((settlement) => ({
    ...settlement,
    outcome: settlement.outcome === "failure" && settlement.tolerated > 0 ? "success" : settlement.outcome
  })),
  "no permit is given back": (store) => ({
    settle: (key, settlement) => settlement.outcome === "ignored" ? current(store, key) : store.settle(key, settlement)
  }),
  "a settlement needs no permit": (store) => ({
    settle: (key, settlement) =>
      Effect.flatMap(current(store, key), ({ state }) =>
        state._tag === "HalfOpen"
          ? Effect.zipRight(
            store.admit(key, { ...settlement, probes: 1_000, successes: 1_000 }),
            store.settle(key, settlement)
          )
          : store.settle(key, settlement))
  }),
  "a settlement needs no version": (store) => ({
    settle: (key, settlement) =>
      Effect.flatMap(current(store, key), ({ version }) => store.settle(key, { ...settlement, version }))
  }),
  "a failure opens what is closed": (store) => ({
    settle: (key, settlement) =>
      Effect.flatMap(
        current(store, key),
        ({ state, version }) =>
          state._tag === "Closed" && settlement.outcome === "failure"
            ? store.trip(key, { ...settlement, version, trip: { rule: "probe", calls: 1, failures: 1, slow: 0 } })
            : store.settle(key, settlement)
      )
  }),
  "successes of earlier periods count": (store) => {
    const seen = new Map<string, number>()
    return {
      settle: (key, settlement) => {
        const before = seen.get(key) ?? 0
        if (settlement.outcome === "success") seen.set(key, before + 1)
        return store.settle(key, { ...settlement, successes: Math.max(settlement.successes - before, 1) })
      }
    }
  },
  "not every change is told": (store) => ({
    changes: Stream.filter(store.changes, (change) => change._tag === "Missed" || change.version.generation % 2 === 0)
  }),
  "nothing is told": () => ({ changes: Stream.never }),
  "a change is told twice": (store) => ({
    changes: Stream.flatMap(store.changes, (change) => Stream.make(change, change))
  }),
  "a report is told": (store) => ({
    sync: (key, report) =>
      Effect.flatMap(
        current(store, key),
        ({ state, version }) =>
          Object.keys(report.counts).length > 0 && state._tag === "Closed" && version.epoch > 0
            ? Effect.flatMap(
              store.trip(key, { version, trip: { rule: "manual", calls: 0, failures: 0, slow: 0 }, openMillis: 0 }),
              ({ version }) => store.close(key, version)
            )
            : store.sync(key, report)
      )
  }),
  "one listens, the others hear nothing": (store) => {
    let isTaken = false
    return {
      changes: Stream.suspend(() => {
        const stream = isTaken ? Stream.never : store.changes
        isTaken = true
        return stream
      })
    }
  },
  "keys have no case": keyed((key) => key.toLowerCase()),
  "keys end at a NUL": keyed((key) => key.replace(/\0.*/s, "")),
  "keys are cut": keyed((key) => key.slice(0, 255)),
  "keys are told in ASCII": (store) => ({
    changes: Stream.map(
      store.changes,
      (change) => change._tag === "Missed" ? change : { ...change, key: change.key.replace(/[^ -~]/g, "?") }
    )
  }),
  "there is no empty key": (store) => ({
    trip: (key, trip) =>
      key === ""
        ? new StoreError({ reason: "unreadable", description: "the key is empty" })
        : store.trip(key, trip)
  }),
  "sync throws": () => ({
    sync: () => {
      throw new Error("sync is broken")
    }
  }),
  "trip dies": () => ({ trip: () => Effect.die("trip is broken") }),
  "admit interrupts itself": () => ({ admit: () => Effect.interrupt }),
  "settle returns a promise": () => ({ settle: () => Promise.resolve() as never }),
  "close answers nothing": () => ({ close: () => Effect.succeed(undefined as never) }),
  "a count is 1e300": answers((standing) => ({
    ...standing,
    counts: Object.fromEntries(Object.keys(standing.counts).map((name) => [name, 1e300]))
  }))
}
