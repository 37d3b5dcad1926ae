import type { Scope } from "effect"
import { Effect } from "effect"
import * as RedisServer from "./redisServer.js"

/** Three masters on loopback, and a replica of the first where that is wanted. */
export interface RedisCluster {
  readonly masters: ReadonlyArray<RedisServer.RedisServer>
  readonly replica: RedisServer.RedisServer | undefined
  /** Which master had the slot of the key at first, by its place. */
  readonly ownerOf: (key: string) => Effect.Effect<number>
  /** Gives the slot of the key, with all that is in it, to another master. */
  readonly migrate: (key: string, to: number) => Effect.Effect<void>
  /** The same up to where the slot is about to go: keys that are not there yet are asked for at the other master. */
  readonly begin: (key: string, to: number) => Effect.Effect<void>
}

const slotCount = 16_384

const clustered = (busPort: number): RedisServer.Options => ({
  more: [
    ...["--cluster-enabled", "yes", "--cluster-port", String(busPort), "--cluster-node-timeout", "1000"],
    ...["--cluster-require-full-coverage", "no", "--cluster-replica-validity-factor", "0"],
    ...["--cluster-allow-replica-migration", "no", "--repl-diskless-sync-delay", "0"]
  ]
})

const until = (ask: Effect.Effect<boolean>) => Effect.repeat(Effect.delay(ask, "20 millis"), { until: (is) => is })

const text = (answer: string) => answer.split("\r\n").slice(1, -1).join("\r\n")
const idOf = ({ command }: RedisServer.RedisServer) => Effect.map(command("CLUSTER", "MYID"), text)

const nodes = ({ command }: RedisServer.RedisServer) => Effect.map(command("CLUSTER", "NODES"), text)

const isReady = (size: number) => (server: RedisServer.RedisServer) =>
  Effect.map(
    Effect.all([server.command("CLUSTER", "INFO"), nodes(server)]),
    ([info, nodes]) =>
      info.includes("cluster_state:ok") && info.includes(`cluster_slots_assigned:${slotCount}`) &&
      nodes.trim().split("\n").filter((line) => line.includes(" connected")).length === size
  )

export const make = (options: { readonly replica?: boolean } = {}): Effect.Effect<RedisCluster, never, Scope.Scope> =>
  Effect.gen(function*() {
    const size = options.replica === true ? 4 : 3
    const ports = yield* Effect.replicateEffect(RedisServer.freePort, size)
    const all = yield* Effect.forEach(ports, (port) => RedisServer.make(clustered(port)), { concurrency: "unbounded" })
    const masters = all.slice(0, 3)
    const [first] = masters as [RedisServer.RedisServer]
    yield* Effect.forEach(masters, ({ command }, i) =>
      Effect.zipRight(
        command("CLUSTER", "SET-CONFIG-EPOCH", String(i + 1)),
        command(
          "CLUSTER",
          "ADDSLOTSRANGE",
          String(Math.ceil(i * slotCount / 3)),
          String(Math.ceil((i + 1) * slotCount / 3) - 1)
        )
      ))
    yield* Effect.forEach(
      all.slice(1),
      ({ port }, i) => first.command("CLUSTER", "MEET", "127.0.0.1", String(port), String(ports[i + 1]))
    )
    yield* Effect.forEach(all, (server) => until(isReady(size)(server)), { concurrency: "unbounded" })
    const replica = all[3]
    const firstId = yield* idOf(first)
    if (replica !== undefined) {
      yield* replica.command("CLUSTER", "REPLICATE", firstId)
      yield* until(Effect.map(replica.command("INFO", "replication"), (text) => text.includes("master_link_status:up")))
      // The others have to know of it, to vote for it.
      yield* Effect.forEach(
        masters,
        (server) => until(Effect.map(nodes(server), (text) => text.includes(` slave ${firstId}`)))
      )
    }
    const slotOf = (key: string) =>
      Effect.map(masters[2]!.command("CLUSTER", "KEYSLOT", key), (answer) => answer.slice(1, -2))
    const ownerOf = (key: string) => Effect.map(slotOf(key), (slot) => Math.floor(Number(slot) * 3 / slotCount))
    const begin = (key: string, to: number) =>
      Effect.gen(function*() {
        const slot = yield* slotOf(key)
        const from = yield* ownerOf(key)
        yield* masters[to]!.command("CLUSTER", "SETSLOT", slot, "IMPORTING", yield* idOf(masters[from]!))
        yield* masters[from]!.command("CLUSTER", "SETSLOT", slot, "MIGRATING", yield* idOf(masters[to]!))
      })
    const migrate = (key: string, to: number) =>
      Effect.gen(function*() {
        const slot = yield* slotOf(key)
        const from = masters[yield* ownerOf(key)]!
        yield* begin(key, to)
        const port = String(masters[to]!.port)
        const keys = yield* from.command("CLUSTER", "GETKEYSINSLOT", slot, "100")
        for (const [, name] of keys.matchAll(/\$\d+\r\n(.*)\r\n/g)) {
          yield* from.command("MIGRATE", "127.0.0.1", port, name!, "0", "1000")
        }
        const id = yield* idOf(masters[to]!)
        yield* Effect.forEach([masters[to]!, ...masters], ({ command }) =>
          command("CLUSTER", "SETSLOT", slot, "NODE", id))
      })
    return { masters, replica, ownerOf, migrate, begin }
  })
