import { assert, describe, it } from "@effect/vitest"
import * as Http from "@reprise/http"
import * as RedisPackage from "@reprise/redis"
import { type Config, ConfigProvider, Context, Effect, Layer, Logger, type Scope } from "effect"
import * as Fs from "node:fs"
import * as Reprise from "reprise"
import type * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import type * as InvalidOption from "reprise/InvalidOption"
import { vi } from "vitest"

interface Modules {
  readonly http: typeof Http
  readonly redis: typeof RedisPackage
  readonly reprise: typeof Reprise
}

/** What a config needs besides the variable in question: what is required, and what makes the others count. */
interface Case {
  readonly config: (prefix?: string) => Config.Config<unknown>
  readonly layer: (prefix: string) => Layer.Layer<never, unknown, unknown>
  readonly besides: Readonly<Record<string, string>>
}

class Any extends Context.Tag("test/Any")<Any, never>() {}

const cases = ({ http, redis, reprise }: Modules): Readonly<Record<string, Case>> => {
  const of = <A, I>(
    { config, layerConfig }: {
      readonly config: (prefix?: string) => Config.Config<A>
      readonly layerConfig: (tag: Context.Tag<Any, I>, options: Config.Config<A>) => Layer.Layer<Any, unknown>
    },
    besides: Readonly<Record<string, string>> = {}
  ): Case => ({
    config,
    // The tag is only a name here: nobody uses the service.
    layer: (prefix) => layerConfig(Any as unknown as Context.Tag<Any, I>, config(prefix)),
    besides
  })
  const connection = (module: typeof redis.NodeRedis): Case => ({
    config: module.config,
    layer: (prefix) => module.layerConfig(module.config(prefix)),
    // There is no server at this port, and nothing listens for TLS.
    besides: { URL: "redis://127.0.0.1:1" }
  })
  return {
    "ResilientHttpClient.config": {
      config: http.ResilientHttpClient.config,
      layer: (prefix) => http.ResilientHttpClient.layerConfig(http.ResilientHttpClient.config(prefix)),
      besides: {
        BUDGET_RATIO: "0.2",
        BUDGET_MIN_PER_SECOND: "1",
        BREAKER_RATE: "0.5",
        MAX_CONCURRENT: "2",
        RATE_LIMIT: "2"
      }
    },
    "CircuitBreaker.config": of(reprise.CircuitBreaker),
    "Bulkhead.config": of(reprise.Bulkhead, { MAX_CONCURRENT: "2" }),
    "AdaptiveLimiter.config": of<AdaptiveLimiter.Options<number>, AdaptiveLimiter.AdaptiveLimiter>(
      reprise.AdaptiveLimiter
    ),
    "RateLimiter.config": of(reprise.RateLimiter, { LIMIT: "2", WINDOW: "1 second" }),
    "Hedge.config": of(reprise.Hedge, { QUANTILE: "0.9" }),
    "RetryBudget.config": of(reprise.RetryBudget),
    "NodeRedis.config": connection(redis.NodeRedis),
    "IoRedis.config": connection(redis.IoRedis),
    "RedisStore.config": {
      config: redis.RedisStore.config,
      layer: (prefix) => redis.RedisStore.layerConfig(redis.RedisStore.config(prefix)),
      besides: {}
    }
  }
}

interface Row {
  readonly variable: string
  readonly standard: string
  readonly allowed: string
}

const guide = Fs.readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8")

/** The rows of each config in the guide. */
const documented: Readonly<Record<string, ReadonlyArray<Row>>> = Object.fromEntries(
  guide.split(/^##+ /m).flatMap((section) => {
    const [title] = section.split("\n")
    const rows = [...section.matchAll(/^\| `([A-Z_]+)` \| ([^|]*) \| ([^|]*) \|/gm)]
      .map(([, variable, standard, allowed]) => ({ variable: variable!, standard: standard!, allowed: allowed! }))
    return [...title!.matchAll(/`(\w+\.config)`/g)].map(([, name]) => [name!, rows] as const)
  })
)

const prefix = "SOME_PREFIX"

const provider = (entries: Readonly<Record<string, string>>) =>
  ConfigProvider.fromMap(
    new Map(Object.entries(entries).map(([name, value]) => [`${prefix}_${name}`, value])),
    { pathDelim: "_" }
  )

/** The variables that a config reads, by a provider that has none of them. */
const read = (config: Config.Config<unknown>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.suspend(() => {
    const names = new Set<string>()
    const noting = ConfigProvider.mapInputPath(ConfigProvider.fromMap(new Map()), (name) => {
      names.add(name)
      return name
    })
    return Effect.map(Effect.ignore(Effect.withConfigProvider(config, noting)), () => [...names])
  })

/** A value that no number, duration, boolean and list of words allows. */
const wrongValue = ({ allowed }: Row): string | undefined => {
  if (allowed.includes("duration")) return "60 days"
  if (allowed.includes("number")) return "-1"
  if (allowed.includes("not empty")) return ""
  return allowed === "a boolean" || allowed.startsWith("one of") ? "s0mething" : undefined
}

const all = cases({ http: Http, redis: RedisPackage, reprise: Reprise })

describe.each(Object.entries(all))("%s", (name, { besides, config, layer }) => {
  const rows = documented[name] ?? []
  const failing = (entries: Readonly<Record<string, string>>) =>
    Effect.flip(Effect.withConfigProvider(config(prefix), provider({ ...besides, ...entries })))

  it.effect("reads the variables of the guide and no others", () =>
    Effect.gen(function*() {
      assert.sameMembers([...yield* read(config())], rows.map(({ variable }) => variable))
    }))

  for (const row of rows) {
    const value = wrongValue(row)
    if (value === undefined) continue
    it.effect(`names ${row.variable} if ${JSON.stringify(value)} is out of range, and says what is allowed`, () =>
      Effect.gen(function*() {
        const error = String(yield* failing({ [row.variable]: value }))
        assert.match(error, new RegExp(`\\b${prefix}\\W+${row.variable}\\b`))
        if (value === "s0mething") return
        const [start, end = ""] = row.allowed.split("…")
        const [, allowed = error] = /\bexpected (.*), got .* \(option "\w[\w.]*"\)/.exec(error) ?? []
        assert.isTrue(allowed.startsWith(start!) && allowed.includes(end), error)
      }))
  }

  it.effect("warns once of a variable that the guide does not list, and of no other", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => lines.push(String(message)))
      const secret = "s3cret"
      const documented = Object.fromEntries(rows.map(({ variable }) => [variable, "0"]))
      yield* Layer.build(layer(prefix)).pipe(
        Effect.scoped,
        Effect.exit,
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Effect.withConfigProvider(provider({ ...documented, SECRET_THING: secret })),
        // Nothing of the context is used before the options are read, which fails.
        (effect) => effect as Effect.Effect<unknown, never, Scope.Scope>,
        Effect.scoped
      )
      assert.deepStrictEqual(
        lines,
        [`Config: no option reads these variables behind the prefix "${prefix}": SECRET_THING`]
      )
    }))
})

/** Fresh modules that write down every number and duration that an option has when it is checked. */
const recording = async (checked: Array<unknown>): Promise<Modules> => {
  vi.resetModules()
  vi.doMock("reprise/InvalidOption", async (original) => {
    const module = await original<typeof InvalidOption>()
    const record = (check: (...args: ReadonlyArray<never>) => number) => (...args: ReadonlyArray<never>) => {
      const value = check(...args)
      checked.push([args[0], value])
      return value
    }
    return { ...module, integer: record(module.integer), millis: record(module.millis), number: record(module.number) }
  })
  try {
    const [http, redis, reprise] = await Promise.all([
      import("@reprise/http"),
      import("@reprise/redis"),
      import("reprise")
    ])
    checked.splice(0)
    return { http, redis, reprise }
  } finally {
    vi.doUnmock("reprise/InvalidOption")
    vi.resetModules()
  }
}

it.effect("The defaults of the guide are those of the code", () =>
  Effect.gen(function*() {
    const checked: Array<unknown> = []
    const modules = yield* Effect.promise(() => recording(checked))
    for (const [name, { besides, config }] of Object.entries(cases(modules))) {
      // How often the code checks an option does not matter.
      const values = (entries: Readonly<Record<string, string>>) =>
        Effect.map(
          Effect.withConfigProvider(config(prefix), provider(entries)),
          () => [...new Set(checked.splice(0).map((one) => JSON.stringify(one)))].sort()
        )
      for (const { standard, variable } of documented[name]!) {
        const value = /^`([\d.]+( \w+)?)`$/.exec(standard)?.[1]
        if (value === undefined) continue
        const { [variable]: _, ...others } = besides
        const unset = yield* values(others)
        assert.deepStrictEqual(unset, yield* values({ ...others, [variable]: value }), `${name} ${variable}`)
      }
    }
  }), 60_000)
